/*
 * One end's QP: what native/rxe/rxe_migrate_{state,wire}.c and rxe's requester, responder and
 * completer do. Each inline is one step; the names are the code's.
 */

/* ---- requester: rxe_requester() with rxe_migr_halted() ---- */

inline rxe_requester(e)
{
	/* Who was told of a stop waits for the Resume of that stop. */
	impatient = qp[e].told > qp[e].peer_epoch;
	assert(!impatient);
	if
	:: qp[e].need_retry ->
		/* req_retry() */
		qp[e].need_retry = 0;
		qp[e].req_psn = qp[e].comp_psn
	:: else
	fi;
	if
	:: SENT(e) < MSGS(e) ->
		put(PKT(REQUEST, 1 - (e), qp[e].dgid, addr[e], qp[e].req_psn, SENT(e), 0));
		qp[e].req_psn = INC(qp[e].req_psn)
	:: else
	fi
}
#define CAN_SEND(e)	(PRESENT(e) && RUNNING(e) && ROOM && \
			 (qp[e].need_retry || SENT(e) < MSGS(e)))

/* ---- rxe_migrate_state.c ---- */

inline rxe_migr_rewind(e)
{
#ifndef MUT_NO_GO_BACK
	qp[e].need_retry = qp[e].comp_psn != qp[e].req_psn
#else
	skip
#endif
}

inline rxe_migr_stop_qp(e)
{
	qp[e].epoch++;
	printf("end %d at address %d: STOP, epoch %d\n", e, addr[e], qp[e].epoch);
	qp[e].flags = (qp[e].flags & PAUSED) | STOPPED;
	qp[e].unsaid = 0;
	qp[e].greetings = 0;
	forget_news(e)	/* news_work finds it stopped */
}

inline rxe_migr_say_resume(e)
{
	put(PKT(RESUME, 1 - (e), qp[e].dgid, addr[e], qp[e].comp_psn, qp[e].epoch, qp[e].resp_psn))
}

/* unsaid is set. That an end which learns late does this at once: its timer may fire at any time. */
inline rxe_migr_resume_work(e)
{
	if
	:: qp[e].aware && !(qp[e].flags & RESUMING) -> rxe_migr_resume_late(e)
	:: else
	fi;
	if
	:: SAYS_RESUME(e) -> rxe_migr_say_resume(e)
	:: else -> rxe_migr_resume_unaware(e)
	fi
}

inline rxe_migr_resume_qp(e)
{
	printf("end %d at address %d: RESUME, epoch %d\n", e, addr[e], qp[e].epoch);
	rxe_migr_rewind(e);
	qp[e].flags = (qp[e].flags & PAUSED) | RESUMING;
	qp[e].unsaid = 1;
	rxe_migr_resume_work(e)
}

#ifdef MUT_NO_PSN_CHECK
#define PSNS_FIT(e)	1
#else
#define PSNS_FIT(e) \
	(SUB(qp[e].resp_psn, qp[e].news_comp_psn) <= UNDER_WAY && \
	 SUB(qp[e].news_resp_psn, qp[e].comp_psn) <= UNDER_WAY)
#endif
#ifdef MUT_STALE_RESUME
#define STALE(e)	0
#else
#define STALE(e)	(qp[e].news_epoch < qp[e].peer_epoch)
#endif
#ifdef MUT_UNPAUSE_ANY
#define UNPAUSES(e)	1
#else
#define UNPAUSES(e)	(qp[e].news_epoch >= qp[e].nak_epoch)
#endif
#ifdef MUT_STOPPED_TAKES_RESUME
#define NEWS_MATTER(e)	1
#else
#define NEWS_MATTER(e)	(!(qp[e].flags & STOPPED))
#endif

inline rxe_migr_news_work(e)
{
	if
	:: NEWS_MATTER(e) && !STALE(e) && PSNS_FIT(e) ->
#ifndef MUT_ADDRESS_STAYS
		/* rxe_migr_set_peer() */
		qp[e].dgid = qp[e].news_saddr;
#endif
		hijacked = qp[e].dgid == ATTACKER;
		assert(!hijacked);
		rxe_migr_learn(e);
		if
		:: qp[e].peer_epoch != qp[e].news_epoch || qp[e].flags & PAUSED ->
			qp[e].peer_epoch = qp[e].news_epoch;
			printf("  end %d: resumed by its peer at address %d, peer_epoch %d\n", e, qp[e].dgid, qp[e].peer_epoch);
			rxe_migr_rewind(e);
			/* rxe_migr_unpause() */
			if
			:: UNPAUSES(e) -> qp[e].flags = qp[e].flags & ~PAUSED
			:: else
			fi
#ifdef MUT_ANSWER_ONCE
			;
#else
		:: else
		fi;
#endif
		put(PKT(RESUMED, 1 - (e), qp[e].dgid, addr[e], qp[e].comp_psn, qp[e].news_epoch, qp[e].resp_psn))
#ifdef MUT_ANSWER_ONCE
		:: else
		fi
#endif
	:: else
	fi;
	/* What a Resume has overtaken is never looked at again: one state. */
	if
	:: qp[e].nak_epoch <= qp[e].peer_epoch -> qp[e].nak_epoch = 0
	:: else
	fi;
	if
	:: qp[e].told <= qp[e].peer_epoch -> qp[e].told = 0
	:: else
	fi;
	forget_news(e)
}

/* ---- rxe_migrate_wire.c; o_ is the end that receives ---- */

#ifdef MUT_NAK_ANY_PSN
#define NAK_ANSWERS	1
#else
#define NAK_ANSWERS	(PSN_GE(P_PSN, qp[o_].comp_psn) && !PSN_GE(P_PSN, qp[o_].req_psn))
#endif

inline rxe_migr_rcv_nak()
{
	if
	:: NAK_ANSWERS -> rxe_migr_learn(o_)
	:: else
	fi;
	if
	:: !NAK_ANSWERS
#ifndef MUT_STALE_NAK
	:: P_VAL <= qp[o_].peer_epoch
#endif
	:: else ->
		if
#ifdef MUT_NAK_ORDER
		:: true -> qp[o_].nak_epoch = P_VAL
#else
		:: !(qp[o_].flags & PAUSED) || P_VAL > qp[o_].nak_epoch -> qp[o_].nak_epoch = P_VAL
		:: else
#endif
		fi;
		if
		:: P_VAL > qp[o_].told -> qp[o_].told = P_VAL
		:: else
		fi;
#ifndef MUT_NO_PAUSE
		qp[o_].flags = qp[o_].flags | PAUSED;
		printf("  end %d: PAUSED, nak_epoch %d\n", o_, qp[o_].nak_epoch)
#endif
	fi
}

inline rxe_migr_take_resume()
{
	if
	:: NEWS_MATTER(o_) ->
		qp[o_].news_pending = 1;
		qp[o_].news_epoch = P_VAL;
		qp[o_].news_comp_psn = P_PSN;
		qp[o_].news_resp_psn = P_RPSN;
		qp[o_].news_saddr = P_SADDR
	:: else
	fi
}

#ifdef MUT_RESUMED_UNCHECKED
#define RESUMED_IS_PEERS	1
#else
#define RESUMED_IS_PEERS \
	(P_SADDR == qp[o_].dgid && SUB(qp[o_].resp_psn, P_PSN) <= UNDER_WAY && \
	 SUB(P_RPSN, qp[o_].comp_psn) <= UNDER_WAY)
#endif
#ifdef MUT_ANY_RESUMED
#define RESUMED_IS_OURS	1
#else
#define RESUMED_IS_OURS	(P_VAL == qp[o_].epoch)
#endif

inline rcv_resumed()
{
	if
	:: qp[o_].flags & RESUMING && RESUMED_IS_OURS && RESUMED_IS_PEERS ->
		qp[o_].flags = qp[o_].flags & ~RESUMING;
		qp[o_].unsaid = 0;
		qp[o_].greetings = 0;
		printf("  end %d: RESUMING is over\n", o_)
	:: else
	fi
}

/* ---- responder and completer ---- */

inline answer(type, psn, val)
{
	put(PKT(type, 1 - (o_), qp[o_].dgid, addr[o_], psn, val, 0))
}

/* To a stock peer everything before it is acknowledged. */
#define EARLIER(psn, e)	(PSN_GE(qp[e].resp_psn, psn) -> psn : qp[e].resp_psn)
#ifdef MUT_NAK_PSN
#define NAK_PSN		P_PSN
#else
#define NAK_PSN		EARLIER(P_PSN, o_)
#endif
#ifdef MUT_RESERVED_PSN
#define RESERVED_PSN	P_PSN
#else
#define RESERVED_PSN	EARLIER(P_PSN, o_)
#endif

#ifdef MUT_STOPPED_ANSWERS
#define CLOSED	0
#else
#define CLOSED	(qp[o_].flags & STOPPED)
#endif
#ifdef MUT_REPEATS_ACCEPTED
#define EXPECTED	PSN_GE(qp[o_].resp_psn, P_PSN)
#else
#define EXPECTED	(P_PSN == qp[o_].resp_psn)
#endif

inline responder()
{
	if
	:: CLOSED -> psn_ = NAK_PSN; answer(NAK_STOPPED, psn_, qp[o_].epoch)
	:: !CLOSED && EXPECTED ->
		duplicated = duplicated || P_VAL < app[o_].delivered;
		assert(!duplicated);
		lost = lost || P_VAL > app[o_].delivered;
		assert(!lost);
		app[o_].delivered++;
		qp[o_].resp_psn = INC(qp[o_].resp_psn);
		psn_ = P_PSN;
		answer(ACK, psn_, 0)
	:: !CLOSED && !EXPECTED && PSN_GE(qp[o_].resp_psn, P_PSN) ->
		/* a duplicate: acknowledged with the last PSN that was taken */
		answer(ACK, SUB(qp[o_].resp_psn, 1), 0)
	:: else	/* a gap: the sender's timer goes back */
	fi;
	psn_ = 0
}

inline completer()
{
	if
	:: qp[o_].flags & STOPPED
	:: else ->
		do
		:: PSN_GE(P_PSN, qp[o_].comp_psn) && !PSN_GE(P_PSN, qp[o_].req_psn) ->
			qp[o_].comp_psn = INC(qp[o_].comp_psn);
			app[o_].completed++;
			check_lost(o_)
		:: else -> break
		od
	fi
}

/* rxe_migr_tag_ok() */
#if defined(KEY) && !defined(MUT_NO_TAG_CHECK)
#define FORGERY	P_NO_TAG
#else
#define FORGERY	0
#endif

/* Where an end is not; o_ has been there, or will be. */
#define AWAY	(!PRESENT(o_) || P_DADDR != addr[o_])
/* rxe_migr_no_qp(), in whose place a Resume is sent on below */
#define RESERVED	(RESERVE && AWAY && (P_TYPE == REQUEST || P_TYPE == HELLO))

inline rxe_migr_no_qp()
{
	if
	:: P_TYPE == REQUEST && ADDRESS_OK ->
		psn_ = RESERVED_PSN;
		put(PKT(NAK_STOPPED, 1 - (o_), P_SADDR, P_DADDR, psn_, qp[o_].epoch, 0));
		psn_ = 0
	:: P_TYPE == HELLO && ADDRESS_OK ->
		put(PKT(AWARE, 1 - (o_), P_SADDR, P_DADDR, 0, P_VAL, 0))
	:: else
	fi
}

inline receive()
{
	o_ = P_TO;
	if
	:: FORGERY
	:: !FORGERY && RESERVED -> rxe_migr_no_qp()
	:: !FORGERY && STOCK(o_) -> stock()
#ifdef MUT_NO_FORWARD
	:: !FORGERY && !RESERVED && !STOCK(o_) && AWAY
#else
	/* rxe_migr_forward(): the host that a process has left sends a Resume after it. */
	:: !FORGERY && !RESERVED && !STOCK(o_) && (!PRESENT(o_) || (AWAY && P_TYPE != RESUME))
#endif
	:: else ->
		if
		:: P_TYPE == RESUME -> rxe_migr_take_resume()
		:: P_TYPE == RESUMED -> rcv_resumed()
		:: P_TYPE == REQUEST && ADDRESS_OK -> responder()
		:: P_TYPE == ACK && ADDRESS_OK -> completer()
		:: P_TYPE == NAK_STOPPED && ADDRESS_OK -> rxe_migr_rcv_nak()
		:: P_TYPE == HELLO && ADDRESS_OK -> rxe_migr_rcv_greeting()
		:: P_TYPE == AWARE -> rxe_migr_rcv_aware()
		:: else
		fi
	fi;
	pkt_ = 0; o_ = 0
}
