/*
 * Two ends of an RC connection, each of which may be moved, a network and a forger. The main file of
 * the model: scripts/prove.mjs runs it with Spin, docs/proof.md says what it leaves out. Bounds
 * and mutants are macros.
 *
 * One process chooses among all steps of both ends, the network and the movers, so that every
 * interleaving of them is searched.
 */
#include "types.pml"
#include "greetings.pml"
#include "protocol.pml"

/* ---- the mover ---- */

inline dump(e)
{
	copy_qp(image_qp[e], qp[e]);
	image_app[e].delivered = app[e].delivered;
	image_app[e].completed = app[e].completed
}

/* The source ends; from here on its dump is the process. */
inline leave(e)
{
	printf("end %d: the source at address %d ends\n", e, addr[e]);
	app[e].delivered = image_app[e].delivered;
	app[e].completed = image_app[e].completed;
	copy_qp(qp[e], image_qp[e]);
	qp[e].nonce = 0;
	forget_news(e);
	clear_image(e);
	check_lost(e);
	check_lost(1 - (e))
}

inline restore(e)
{
#ifdef MUT_AWARE_NOT_DUMPED
	qp[e].aware = 0;
#endif
#ifndef MUT_ASKED_ELSEWHERE
	/* to another address only an aware peer can follow: no other is asked */
	qp[e].aware = qp[e].aware || !FLOATS(e);
#endif
#ifdef MUT_NAK_NOT_DUMPED
	qp[e].nak_epoch = 0;
#endif
#ifdef MUT_PAUSE_NOT_DUMPED
	qp[e].flags = STOPPED;
#endif
#ifdef MUT_PEER_EPOCH_NOT_DUMPED
	qp[e].peer_epoch = 0;
#endif
#ifdef MUT_COMP_PSN_NOT_DUMPED
	qp[e].comp_psn = qp[e].req_psn;
#endif
#ifdef MUT_RESP_PSN_NOT_DUMPED
	qp[e].resp_psn = PSN_START;
#endif
	addr[e] = (FLOATS(e) -> addr[e] : addr[e] ^ 2);
	printf("end %d: restored at address %d\n", e, addr[e])
}

#define TIMER_DUE(e)	((RUNNING(e) && stage[e] == HERE && qp[e].req_psn != qp[e].comp_psn && \
			  !qp[e].need_retry) || \
			 (RESUME_REPEATS && MORE_TO_SAY(e) && ROOM))
#ifdef MUT_RESUME_ONCE
#define RESUME_REPEATS	0
#else
#define RESUME_REPEATS	1
#endif

inline fire(e)
{
	if
	:: RUNNING(e) && qp[e].req_psn != qp[e].comp_psn -> rxe_migr_rewind(e)
	:: else
	fi;
	if
	:: RESUME_REPEATS && MORE_TO_SAY(e) && ROOM -> rxe_migr_resume_work(e)
	:: else
	fi
}

#define IDLE(e)	(stage[e] == HERE && !qp[e].news_pending && !CAN_SEND(e))
#define QUIET	(under_way == 0 && IDLE(0) && IDLE(1))
#define DONE(e)	(RUNNING(e) && app[e].completed == MSGS(e) && app[1 - (e)].delivered == MSGS(e) && \
		 qp[e].dgid == addr[1 - (e)])

#define END(e) \
	:: CAN_SEND(e) -> d_step { rxe_requester(e) } \
	:: qp[e].news_pending && ROOM -> d_step { rxe_migr_news_work(e) } \
	:: early < EARLY && TIMER_DUE(e) -> d_step { early++; rounds = 0; fire(e) } \
	:: stage[e] == HERE && moves[e] > 0 -> \
		d_step { moves[e]--; rounds = 0; rxe_migr_stop_qp(e); dump(e); stage[e] = DUMPED } \
	:: GREETINGS && asks[e] > 0 && stage[e] <= DUMPED && !qp[e].aware && ROOM && !STOCK(e) -> \
		d_step { asks[e]--; rounds = 0; printf("end %d: GREET or STOP\n", e); rxe_migr_greet(e) } \
	:: stage[e] == DUMPED -> \
		d_step { leave(e); stage[e] = GONE } \
	:: stage[e] == GONE -> \
		d_step { restore(e); stage[e] = RESTORED } \
	:: ROLLBACK && stage[e] == DUMPED && ROOM -> \
		d_step { clear_image(e); rxe_migr_resume_qp(e); stage[e] = HERE } \
	:: stage[e] == RESTORED && ROOM -> \
		d_step { rxe_migr_resume_qp(e); stage[e] = HERE }

#define SAY_ARRIVES \
	printf("%e of end %d (epoch or message %d) from address %d arrives\n", P_TYPE, 1 - P_TO, P_VAL, P_SADDR)
#define SAY_LOST \
	printf("%e of end %d (epoch or message %d) from address %d is lost\n", P_TYPE, 1 - P_TO, P_VAL, P_SADDR)
/* Each packet that is under way, equal ones once. */
#define EACH_PACKET(n)	(n < under_way && (n == 0 || net[n] != net[n - 1]))
#define NETWORK(n) \
	:: EACH_PACKET(n) -> d_step { at_ = n; take(); at_ = 0; SAY_ARRIVES; receive() } \
	:: EACH_PACKET(n) && losses < LOSS -> \
		d_step { losses++; rounds = 0; at_ = n; take(); at_ = 0; SAY_LOST; pkt_ = 0 } \
	:: EACH_PACKET(n) && dups < DUP && ROOM -> \
		d_step { dups++; rounds = 0; psn_ = n; printf("the network repeats\n"); put(net[psn_]); psn_ = 0 }

#define FORGED(pkt)	d_step { forged++; rounds = 0; printf("a forger sends\n"); put(NO_TAG | (pkt)) }
#define MAY_FORGE(e)	(forged < FORGE && ROOM && !STOCK(e))
#define WRONG(psn)	(((psn) + PSN_MOD / 2) & PSN_MASK)
/* Knows addresses, QPNs and epochs, and spoofs its address, but sees no packet of the connection. */
#define BLIND(e) \
	:: MAY_FORGE(e) -> \
		FORGED(PKT(RESUME, e, addr[e], ATTACKER, WRONG(qp[e].resp_psn), qp[e].peer_epoch, WRONG(qp[e].comp_psn))) \
	:: MAY_FORGE(e) -> \
		FORGED(PKT(RESUME, e, addr[e], ATTACKER, WRONG(qp[e].resp_psn), qp[e].peer_epoch + 1, WRONG(qp[e].comp_psn))) \
	:: MAY_FORGE(e) -> \
		FORGED(PKT(NAK_STOPPED, e, addr[e], qp[e].dgid, WRONG(qp[e].comp_psn), qp[e].peer_epoch + 1, 0)) \
	:: MAY_FORGE(e) -> \
		FORGED(PKT(RESUMED, e, addr[e], qp[e].dgid, WRONG(qp[e].resp_psn), qp[e].epoch, WRONG(qp[e].comp_psn)))
/* Sees the connection's packets. What he saw he can send again, too: that is a repeat (DUP). */
#define SEES(e) \
	:: MAY_FORGE(e) && !FORGES_NO_RESUME -> \
		FORGED(PKT(RESUME, e, addr[e], ATTACKER, qp[e].resp_psn, qp[e].peer_epoch + 1, qp[e].comp_psn)) \
	:: MAY_FORGE(e) -> \
		FORGED(PKT(NAK_STOPPED, e, addr[e], qp[e].dgid, qp[e].comp_psn, qp[e].peer_epoch + 1, 0)) \
	:: MAY_FORGE(e) -> \
		FORGED(PKT(RESUMED, e, addr[e], qp[e].dgid, qp[e].resp_psn, qp[e].epoch, qp[e].comp_psn))

/* Whether an end that waits is worth a fault: for one case, only where both know each other. */
#ifdef ONLY_KNOWN
#define MATTERS	(qp[0].aware && qp[1].aware)
#else
#define MATTERS	1
#endif

init {
	d_step {
		qp[0].req_psn = PSN_START; qp[0].comp_psn = PSN_START; qp[0].resp_psn = PSN_START;
		qp[1].req_psn = PSN_START; qp[1].comp_psn = PSN_START; qp[1].resp_psn = PSN_START;
		addr[0] = 0; addr[1] = 1;
		qp[0].dgid = 1; qp[1].dgid = 0;
		moves[0] = MOVES0; moves[1] = MOVES1;
		asks[0] = ASK; asks[1] = ASK;
		qp[0].aware = !GREETINGS; qp[1].aware = !GREETINGS
	}
	do
	END(0)
	END(1)
	NETWORK(0)
	NETWORK(1)
	NETWORK(2)
	NETWORK(3)
#if FORGE > 0
#ifdef FORGER_SEES
	SEES(0)
	SEES(1)
#if GREETINGS
	FORGED_ANSWER(0, qp[0].nonce)
	FORGED_ANSWER(1, qp[1].nonce)
#endif
#else
	BLIND(0)
	BLIND(1)
#if GREETINGS
	FORGED_ANSWER(0, GUESS)
	FORGED_ANSWER(1, GUESS)
#endif
#endif
#ifdef FORGES_GREETINGS
	FORGED_GREETING(0)
	FORGED_GREETING(1)
#endif
#endif
	/* Timers are slow: once nothing else can happen, all that are due fire. */
	:: QUIET && !(DONE(0) && DONE(1)) ->
		d_step {
			printf("nothing is under way: the timers fire\n");
			stuck = rounds == ROUNDS && MATTERS;
			assert(!stuck);
			rounds = (rounds < ROUNDS -> rounds + 1 : rounds);
			fire(0);
			fire(1)
		}
	:: QUIET && DONE(0) && DONE(1) -> break
	od
}
