"""The peer of pyverbs.mjs, with pyverbs: pyverbs_peer.py HOST PORT GID_INDEX

SEND with immediate, WRITE, READ and fetch-and-add to the other end; then what that end sends is sent back.
"""
import ipaddress
import json
import socket
import sys
import time

import pyverbs.enums as e
from pyverbs.addr import GID, AHAttr, GlobalRoute
from pyverbs.cq import CQ
from pyverbs.device import Context
from pyverbs.mr import MR
from pyverbs.pd import PD
from pyverbs.qp import QP, QPAttr, QPCap, QPInitAttr
from pyverbs.wr import SGE, RecvWR, SendWR

SIZE, PART, PSN = 4096, 64, 77
ACCESS = (e.IBV_ACCESS_LOCAL_WRITE | e.IBV_ACCESS_REMOTE_WRITE | e.IBV_ACCESS_REMOTE_READ
          | e.IBV_ACCESS_REMOTE_ATOMIC)

host, port, gid_index = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
context = Context(name='rxe0')
pd = PD(context)
cq = CQ(context, 32)
mr = MR(pd, SIZE, ACCESS)
qp = QP(pd, QPInitAttr(qp_type=e.IBV_QPT_RC, scq=cq, rcq=cq,
                       cap=QPCap(max_send_wr=8, max_recv_wr=8)))
attr = QPAttr(port_num=1, path_mtu=e.IBV_MTU_1024)
attr.qp_access_flags = ACCESS
qp.to_init(attr)
qp.post_recv(RecvWR(num_sge=1, sg=[SGE(mr.buf, PART, mr.lkey)]))

stream = socket.create_connection((host, port)).makefile('rw')
gid = context.query_gid(1, gid_index).gid
endpoint = {'qpn': qp.qp_num, 'psn': PSN, 'gid': gid, 'lid': 0, 'mtu': 1024}
print(json.dumps({'roamHandshake': 1, 'endpoint': endpoint, 'regions': {}}), file=stream, flush=True)
answer = json.loads(stream.readline())
remote, board = answer['endpoint'], answer['regions']['board']

digits = ipaddress.IPv6Address(remote['gid']).packed.hex()
dgid = GID(':'.join(digits[i:i + 4] for i in range(0, 32, 4)))
attr.ah_attr = AHAttr(gr=GlobalRoute(dgid=dgid, sgid_index=gid_index, hop_limit=64), is_global=1, port_num=1)
attr.dest_qp_num, attr.rq_psn, attr.sq_psn = remote['qpn'], remote['psn'], PSN
attr.max_rd_atomic = attr.max_dest_rd_atomic = 4
attr.min_rnr_timer, attr.timeout, attr.retry_cnt, attr.rnr_retry = 12, 14, 7, 7
qp.to_rts(attr)
print('ready', file=stream, flush=True)
assert stream.readline() == 'ready\n'


def complete():
    """The next completion, which has to be a good one."""
    until = time.time() + 20
    while time.time() < until:
        count, completions = cq.poll()
        if count:
            assert completions[0].status == e.IBV_WC_SUCCESS, completions[0]
            return completions[0]
    raise TimeoutError('no completion')


def post(opcode, offset, length, imm=0, far=None, add=None):
    wr = SendWR(opcode=opcode, num_sge=1, sg=[SGE(mr.buf + offset, length, mr.lkey)], imm_data=imm)
    if far is not None:
        wr.set_wr_rdma(board['rkey'], int(board['address']) + far)
    if add is not None:
        wr.set_wr_atomic(board['rkey'], int(board['address']), add)
    qp.post_send(wr)
    complete()


mr.write('from python', 11, 256)
post(e.IBV_WR_RDMA_WRITE, 256, 11, far=1024)
post(e.IBV_WR_RDMA_READ, 512, 11, far=2048)
assert mr.read(11, 512) == b'from a node', mr.read(11, 512)
post(e.IBV_WR_ATOMIC_FETCH_AND_ADD, 1024, 8, add=5)
assert int.from_bytes(mr.read(8, 1024), sys.byteorder) == 37
post(e.IBV_WR_SEND_WITH_IMM, 256, 11, imm=socket.htonl(0x01020304))
got = complete()
post(e.IBV_WR_SEND, 0, got.byte_len)
print('good')
