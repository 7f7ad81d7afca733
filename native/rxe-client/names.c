// SPDX-License-Identifier: (GPL-2.0 OR MIT)
#include "roam_rxe_client.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *lookup(const char *const *names, size_t count, uint32_t value)
{
	return value < count && names[value] ? names[value] : "?";
}

const char *rxe_client_type_name(uint32_t type)
{
	static const char *const names[] = {
		[ROAM_RXE_T_CTX] = "context",
		[ROAM_RXE_T_PD] = "PD",
		[ROAM_RXE_T_COMP_CHANNEL] = "completion channel",
		[ROAM_RXE_T_ASYNC] = "async event file",
		[ROAM_RXE_T_CQ] = "CQ",
		[ROAM_RXE_T_MR] = "MR",
		[ROAM_RXE_T_QP] = "QP",
		[ROAM_RXE_T_AH] = "AH",
		[ROAM_RXE_T_SRQ] = "SRQ",
		[ROAM_RXE_T_MW] = "MW",
		[ROAM_RXE_T_MCAST] = "multicast attachment",
		[ROAM_RXE_T_OTHER] = "object",
		[ROAM_RXE_T_ODP] = "on-demand MR",
	};

	return lookup(names, COUNT(names), type);
}

const char *rxe_client_qp_type_name(uint32_t qp_type)
{
	/* enum ib_qp_type of the kernel; IBV_QPT_* has the same values. */
	static const char *const names[] = {
		[0] = "SMI", [1] = "GSI", [2] = "RC", [3] = "UC", [4] = "UD",
		[8] = "RAW_PACKET", [9] = "XRC_INI", [10] = "XRC_TGT",
	};

	return lookup(names, COUNT(names), qp_type);
}

const char *rxe_client_qp_state_name(uint32_t qp_state)
{
	static const char *const names[] = {
		"RESET", "INIT", "RTR", "RTS", "SQD", "SQE", "ERR",
	};

	return lookup(names, COUNT(names), qp_state);
}
