/* SPDX-License-Identifier: GPL-2.0 */
/*
 * watch.h: who resumes the stopped QPs of a process whose dump was not the
 * last thing that happened to it.
 *
 * CRIU does not tell a plugin what becomes of the tasks: its exit hook gets 0
 * both when they are going to be killed (they live elsewhere now: resuming
 * their QPs would take the peers back) and when they run on (the post-dump
 * action said no, or --leave-running); and when CRIU itself is killed no hook
 * runs at all.  So every process with stopped QPs gets a watcher: a child that
 * CRIU does not see, which waits for the fate of the process and resumes its
 * QPs if, and only if, it runs on.  It ends when that is decided: when CRIU
 * has ended and nobody keeps the process stopped, at the latest.
 */
#ifndef ROAM_PLUGIN_WATCH_H
#define ROAM_PLUGIN_WATCH_H

#include <stddef.h>
#include <sys/types.h>

/* Watches pid, whose uverbs descriptors (of this process) are given.  Returns
 * a descriptor that stands for the watcher, or a negative errno. */
int watch_start(pid_t pid, const int *uverbs, size_t count);

/* The QPs are dealt with: the watcher ends at once. */
void watch_cancel(int watcher);

/* CRIU is about to let the tasks run or to kill them: look out.  The watcher
 * is on its own from here on. */
void watch_release(int watcher);

#endif /* ROAM_PLUGIN_WATCH_H */
