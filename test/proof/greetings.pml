/*
 * What an end knows of its peer: native/rxe/rxe_migrate_greet.c, the part of rxe_migrate_state.c for
 * peers that do not know Resume, and such a peer.
 */

#define USED_UP		(PSN_MOD / 4)	/* RXE_MIGR_USED_UP */
#define HELD_BACK	2		/* RXE_MIGR_GREETINGS */
#define GUESS		7		/* a nonce that nobody has made up */

#if defined(MUT_RESUME_TO_ALL)
#define SAYS_RESUME(e)	1
#elif defined(MUT_NEVER_LATE)
#define SAYS_RESUME(e)	(qp[e].aware && qp[e].flags & RESUMING)
#else
#define SAYS_RESUME(e)	(qp[e].aware)
#endif

/* rxe_migr_learn_locked() */
inline rxe_migr_learn(e)
{
	if
	:: !qp[e].aware ->
		qp[e].aware = 1;
		qp[e].nonce = 0;
		printf("  end %d: its peer is aware\n", e);
		deceived = STOCK(1 - (e));
		assert(!deceived)
	:: else
	fi
}

#ifdef MUT_GREETING_PSN
#define GREETING_PSN(e)	(qp[e].resp_psn)
#else
#define GREETING_PSN(e)	SUB(qp[e].resp_psn, USED_UP)
#endif

inline rxe_migr_greet(e)
{
	if
	:: qp[e].nonce == 0 -> nonces[e]++; qp[e].nonce = nonces[e]
	:: else
	fi;
	put(PKT(HELLO, 1 - (e), qp[e].dgid, addr[e], GREETING_PSN(e), qp[e].nonce, 0))
}

/* ---- rxe_migrate_state.c ---- */

inline rxe_migr_resume_late(e)
{
#ifdef MUT_NEVER_LATE
	skip
#else
	printf("end %d: resuming after all\n", e);
	rxe_migr_rewind(e);
	qp[e].flags = qp[e].flags | RESUMING
#endif
}

#ifdef MUT_NO_MORE_GREETINGS
#define GREETINGS_ALL	HELD_BACK
#else
#define GREETINGS_ALL	ALL
#endif
#ifdef MUT_SILENCE_SETTLES
#define GREETS_NO_MORE(e)	qp[e].unsaid = 0; qp[e].greetings = 0
#else
#define GREETS_NO_MORE(e)	skip
#endif
#ifdef MUT_NEVER_WITHOUT
#define GOES_ON(e)	0
#else
#define GOES_ON(e)	(qp[e].greetings >= HELD_BACK)
#endif

/* Nothing is queued any more then, until the end learns that its peer is aware. */
#define MORE_TO_SAY(e)	(qp[e].unsaid && (qp[e].aware || qp[e].greetings <= GREETINGS_ALL))

inline rxe_migr_resume_unaware(e)
{
	if
	:: GOES_ON(e) -> qp[e].flags = qp[e].flags & ~RESUMING
	:: else
	fi;
	if
	:: qp[e].greetings <= GREETINGS_ALL -> qp[e].greetings++
	:: else
	fi;
	if
	:: qp[e].greetings > GREETINGS_ALL -> GREETS_NO_MORE(e)
	:: else -> rxe_migr_greet(e)
	fi
}

/* ---- the other end; o_ is the end that receives ---- */

/* Answered at once, in whatever state: that the work item does it later is as if it came later. */
inline rxe_migr_rcv_greeting()
{
	put(PKT(AWARE, 1 - (o_), qp[o_].dgid, addr[o_], 0, P_VAL, 0))
}

#ifdef MUT_ANY_NONCE
#define NONCE_OK	1
#else
#define NONCE_OK	(qp[o_].nonce && P_VAL == qp[o_].nonce)
#endif

inline rxe_migr_rcv_aware()
{
	if
	:: ADDRESS_OK && NONCE_OK -> rxe_migr_learn(o_)
	:: else
	fi
}

/* ---- a peer on any other RoCE device: o_ ---- */

/* The rest of it is as of ours, that never stops. */
inline stock()
{
	/* "reject unknown opcodes": not every receiver does */
	alien = P_TYPE == RESUME || P_TYPE == RESUMED || P_TYPE == AWARE;
	assert(!alien);
	if
	:: !ADDRESS_OK
	:: ADDRESS_OK && P_TYPE == REQUEST -> responder()
	:: ADDRESS_OK && P_TYPE == ACK -> completer()
	:: ADDRESS_OK && P_TYPE == NAK_STOPPED -> rnr_nak()
	:: ADDRESS_OK && P_TYPE == HELLO ->
		disturbed = qp[o_].req_psn != qp[o_].comp_psn && PSN_GE(P_PSN, qp[o_].comp_psn);
		assert(!disturbed)
	:: else
	fi
}

/* What is before its PSN is acknowledged, the rest is sent again by the timer. */
inline rnr_nak()
{
	do
	:: PSN_GE(P_PSN, INC(qp[o_].comp_psn)) && qp[o_].comp_psn != qp[o_].req_psn ->
		qp[o_].comp_psn = INC(qp[o_].comp_psn);
		app[o_].completed++;
		check_lost(o_)
	:: else -> break
	od
}

/* ---- a forger, who may know the nonce of a greeting ---- */

#define FORGED_GREETING(e) \
	:: MAY_FORGE(e) -> \
		FORGED(PKT(HELLO, e, addr[e], qp[e].dgid, SUB(qp[e].comp_psn, USED_UP), GUESS, 0))
#define FORGED_ANSWER(e, which) \
	:: MAY_FORGE(e) && !qp[e].aware -> \
		FORGED(PKT(AWARE, e, addr[e], qp[e].dgid, 0, which, 0))
