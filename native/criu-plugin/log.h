/* SPDX-License-Identifier: GPL-2.0 */
/*
 * log.h: CRIU's log.  libcriu-dev ships no header for it, so what the plugin
 * needs is declared here.  The first line with "Error (" of a run is what CRIU
 * hands to its RPC client, so an error is logged where its reason is known,
 * once, and callers only return.
 *
 * Never print to stderr: under runc and Docker that is the container's log.
 */
#ifndef ROAM_PLUGIN_LOG_H
#define ROAM_PLUGIN_LOG_H

#include <errno.h>
#include <string.h>

/* Exported by the criu binary that loads the plugin. */
extern void print_on_level(unsigned int level, const char *format, ...)
	__attribute__((format(printf, 2, 3), visibility("default")));

#define CRIU_LOG_ERROR	1
#define CRIU_LOG_WARN	2
#define CRIU_LOG_INFO	3
#define CRIU_LOG_DEBUG	4

#define LOG_PREFIX "roam_rdma: "

#define pr_err(fmt, ...) \
	print_on_level(CRIU_LOG_ERROR, "Error (%s:%d): " LOG_PREFIX fmt "\n", __FILE__, __LINE__, \
		       ##__VA_ARGS__)
#define pr_warn(fmt, ...) \
	print_on_level(CRIU_LOG_WARN, "Warn  (%s:%d): " LOG_PREFIX fmt "\n", __FILE__, __LINE__, \
		       ##__VA_ARGS__)
#define pr_info(fmt, ...) print_on_level(CRIU_LOG_INFO, LOG_PREFIX fmt "\n", ##__VA_ARGS__)
#define pr_debug(fmt, ...) print_on_level(CRIU_LOG_DEBUG, LOG_PREFIX fmt "\n", ##__VA_ARGS__)

#endif /* ROAM_PLUGIN_LOG_H */
