/*
 * Bounds, packets and state of the model.
 */

/* ---- bounds ---- */
#ifndef MSGS0
#define MSGS0	1	/* SENDs from end 0 to end 1 */
#endif
#ifndef MSGS1
#define MSGS1	1
#endif
#ifndef MOVES0
#define MOVES0	1	/* stops of end 0, each ending in a move or in a rollback */
#endif
#ifndef MOVES1
#define MOVES1	1
#endif
#ifndef FLOAT0
#define FLOAT0	1	/* 1: the address moves with end 0; 0: it changes */
#endif
#ifndef FLOAT1
#define FLOAT1	1
#endif
#ifndef ROLLBACK
#define ROLLBACK 1	/* a stop may end at the source */
#endif
#ifndef LOSS
#define LOSS	1	/* packets that the network loses */
#endif
#ifndef DUP
#define DUP	1	/* packets that it delivers twice */
#endif
#ifndef EARLY
#define EARLY	1	/* timers that fire although an answer is still under way */
#endif
#ifndef FORGE
#define FORGE	0	/* packets that a forger sends */
#endif
#ifndef STOCK0
#define STOCK0	0	/* end 0 knows nothing of all this; it stays where it is */
#endif
#ifndef GREETINGS
#define GREETINGS 0	/* 1: neither end knows yet what its peer is */
#endif
#ifndef ASK
#define ASK	1	/* greetings of GREET and STOP, for each end */
#endif
#ifndef ALL
#define ALL	4	/* RXE_MIGR_GREETINGS_ALL */
#endif
#ifndef RESERVE
#define RESERVE	0	/* 1: a reservation answers for an end that is away */
#endif
#ifndef FORGES_NO_RESUME
#define FORGES_NO_RESUME 0	/* 1: he leaves Resume alone */
#endif
#ifndef ROUNDS
#define ROUNDS	(4 + 2 * GREETINGS)	/* of timers that both ends get to settle without a loss */
#endif
#ifndef NET
#define NET	4	/* packets under way; they overtake each other freely */
#endif

#define PSN_MOD		16
#define PSN_MASK	15
#define PSN_START	15	/* the second message wraps */
#define UNDER_WAY	4	/* RXE_MIGR_UNDER_WAY */
#define SUB(a, b)	(((a) + PSN_MOD - (b)) & PSN_MASK)
#define PSN_GE(a, b)	(SUB(a, b) < PSN_MOD / 2)	/* psn_compare(a, b) >= 0 */
#define INC(a)		(((a) + 1) & PSN_MASK)

/* enum roam_rxe_state */
#define STOPPED		1
#define PAUSED		2
#define RESUMING	4
#define RUNNING(e)	(qp[e].flags == 0)

/* Of a process that is being moved. The source ends before its copy says Resume. */
#define HERE		0
#define DUMPED		1	/* stopped, and nothing that happens now is in the dump */
#define GONE		2	/* neither here nor there: nobody answers */
#define RESTORED	3	/* at the destination, stopped */

#define ATTACKER	4	/* its address; ends use 0..3 */

/* Packet types */
mtype = { HELLO, AWARE, RESUMED, RESUME, NAK_STOPPED, ACK, REQUEST };	/* 7 to 1 */

/* psn: of the request, or comp_psn; val: message, epoch or nonce; rpsn: resp_psn */
#define PKT(type, to, daddr, saddr, psn, val, rpsn) \
	(((type) << 18) | ((to) << 17) | ((daddr) << 14) | ((saddr) << 11) | \
	 ((psn) << 7) | ((val) << 4) | (rpsn))
#define P_TYPE	((pkt_ >> 18) & 7)
#define P_TO	((pkt_ >> 17) & 1)
#define P_DADDR	((pkt_ >> 14) & 7)
#define P_SADDR	((pkt_ >> 11) & 7)
#define P_PSN	((pkt_ >> 7) & 15)
#define P_VAL	((pkt_ >> 4) & 7)
#define P_RPSN	(pkt_ & 15)
/* Of a packet that a forger sends: he can make no tag. */
#define NO_TAG		(1 << 21)
#define P_NO_TAG	(pkt_ >> 21)

typedef qp_t {
	byte flags;
	byte epoch, peer_epoch, nak_epoch;
	byte req_psn, comp_psn, resp_psn;
	bit need_retry;
	byte dgid;		/* the address vector's */
	bit news_pending;
	byte news_epoch, news_comp_psn, news_resp_psn, news_saddr;
	bit aware;
	bit unsaid;
	byte greetings;		/* since RESUME */
	byte nonce;		/* 0 once it is aware */
	byte told;		/* no part of the code: highest epoch of a NAK-stopped that it took */
}
typedef app_t {
	byte delivered;		/* messages in its memory */
	byte completed;		/* of its own that it knows to be delivered */
}
qp_t qp[2];
app_t app[2];
qp_t image_qp[2];
app_t image_app[2];
byte addr[2];
byte stage[2];
byte moves[2];
byte asks[2];
byte nonces[2];		/* that were made up: no two are the same */

int net[NET];		/* a multiset: sorted, so that equal ones are one state */
byte under_way;
byte losses, dups, early, forged;

byte rounds;		/* of timers, since the network or a mover did something last */
bit lost, duplicated, hijacked, impatient, stuck, alien, deceived, disturbed;
/* Scratch of the steps, 0 between them. */
int pkt_;
byte at_, o_, k_, psn_;

#define MSGS(e)		(e == 0 -> MSGS0 : MSGS1)
#define STOCK(e)	((e) == 0 && STOCK0)
#define FLOATS(e)	(e == 0 -> FLOAT0 : FLOAT1)
#define ROOM		(under_way < NET)
#define PRESENT(e)	(stage[e] != GONE)
#define SENT(e)		(SUB(qp[e].req_psn, PSN_START))
/* check_addr() of o_, from which Resume, Resumed and Aware are exempt */
#define ADDRESS_OK	(P_SADDR == qp[o_].dgid)

inline put(pkt)
{
	pkt_ = pkt;
	k_ = under_way;
	do
	:: k_ > 0 && net[k_ - 1] < pkt_ -> net[k_] = net[k_ - 1]; k_--
	:: else -> break
	od;
	net[k_] = pkt_;
	under_way++;
	printf("  %e of end %d from address %d to address %d, psn %d, epoch, message or nonce %d, resp_psn %d\n",
	       P_TYPE, 1 - P_TO, P_SADDR, P_DADDR, P_PSN, P_VAL, P_RPSN);
	pkt_ = 0; k_ = 0
}

/* Moves the packet at index at_ to pkt_. */
inline take()
{
	pkt_ = net[at_];
	k_ = at_;
	do
	:: k_ + 1 < under_way -> net[k_] = net[k_ + 1]; k_++
	:: else -> break
	od;
	net[k_] = 0;
	under_way--;
	k_ = 0
}

inline forget_news(e)
{
	qp[e].news_pending = 0;
	qp[e].news_epoch = 0;
	qp[e].news_comp_psn = 0;
	qp[e].news_resp_psn = 0;
	qp[e].news_saddr = 0
}

inline copy_qp(to, from)
{
	to.flags = from.flags;
	to.epoch = from.epoch;
	to.peer_epoch = from.peer_epoch;
	to.nak_epoch = from.nak_epoch;
	to.req_psn = from.req_psn;
	to.comp_psn = from.comp_psn;
	to.resp_psn = from.resp_psn;
	to.need_retry = from.need_retry;
	to.dgid = from.dgid;
	to.aware = from.aware;
	to.told = from.told
}

inline clear_image(e)
{
	image_qp[e].flags = 0;
	image_qp[e].epoch = 0;
	image_qp[e].peer_epoch = 0;
	image_qp[e].nak_epoch = 0;
	image_qp[e].req_psn = 0;
	image_qp[e].comp_psn = 0;
	image_qp[e].resp_psn = 0;
	image_qp[e].need_retry = 0;
	image_qp[e].dgid = 0;
	image_qp[e].aware = 0;
	image_qp[e].told = 0;
	image_app[e].delivered = 0;
	image_app[e].completed = 0
}

/* What was completed at one end is in the memory of the other. */
inline check_lost(e)
{
	lost = lost || app[e].completed > app[1 - (e)].delivered;
	assert(!lost)
}
