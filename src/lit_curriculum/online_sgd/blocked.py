"""x"""
from __future__ import annotations
import threading
import torch
from lit_curriculum.online_sgd.blocked_kernel import  lead, help_out
from lit_curriculum.online_sgd.state import SUB_BLOCK, Sizes, State, LINE
from lit_curriculum.online_sgd.simd import lane_count

def train(model, x, targets, rates, loss_scale, *, threads=None, block=32, loss=0, share=None):
    dtype = x.dtype
    np_dtype = torch.empty(0, dtype=dtype).numpy().dtype
    width = lane_count(np_dtype)
    n, d = x.shape
    W = model.hidden.weight.detach(); m = W.shape[0]; C = model.output.weight.shape[0]
    vectors = -(-m // width); d1 = d + 1; rows = -(-d1 // 4) * 4
    Wp = torch.zeros(vectors * width, rows, dtype=dtype)
    Wp[:m, :d] = W; Wp[:m, d] = model.hidden.bias.detach()
    Wt = Wp.view(vectors, width, rows).transpose(1, 2).contiguous()
    Up = torch.zeros(C, vectors * width, dtype=dtype); Up[:, :m] = model.output.weight.detach()
    Ut = Up.view(C, vectors, width).transpose(0, 1).contiguous()
    npad = -(-n // SUB_BLOCK) * SUB_BLOCK
    xp = torch.zeros(npad, rows, dtype=dtype); xp[:n, :d] = x; xp[:n, d] = 1
    pairs = (vectors + 1) // 2
    chunks = min(32, max(1, pairs // 4))
    parts = min(threads or torch.get_num_threads(), chunks)
    logits = torch.empty(n, C, dtype=dtype)
    c = model.output.bias.detach().clone()
    f = lambda v: v.reshape(-1).numpy()
    z = lambda *a, dtype=dtype: torch.zeros(*a, dtype=dtype).reshape(-1).numpy()
    gram_row = -(-block//width)*width
    i64=torch.int64
    st = State(f(Wt), f(Ut), f(c), z(block*vectors*width), f(xp), f(targets.to(dtype).contiguous()), f((rates.to(dtype) * loss_scale)), f(logits),
               z(block*gram_row), z(d1*gram_row), z(C), z(chunks*C), (torch.arange(chunks+1)*pairs//chunks*2).clamp(max=vectors).numpy(), z(2*LINE,dtype=i64), z(chunks*LINE,dtype=i64), z(chunks*LINE,dtype=i64))
    sizes = Sizes(n, d1, rows, C, block, gram_row, vectors, chunks, loss, bool(vectors > 512 if share is None else share))
    ts = [threading.Thread(target=help_out, args=(st, sizes, p*chunks//parts, z(C*width))) for p in range(1, parts)]
    for t in ts: t.start()
    lead(st, sizes, parts-1, z(C*width))
    for t in ts: t.join()
    back = Wt.transpose(1, 2).reshape(vectors * width, rows)
    with torch.no_grad():
        model.hidden.weight.copy_(back[:m, :d]); model.hidden.bias.copy_(back[:m, d])
        model.output.weight.copy_(Ut.transpose(0, 1).reshape(C, -1)[:, :m]); model.output.bias.copy_(c)
    lp = torch.log_softmax(logits, 1)
    return -(targets * lp).sum(1) + torch.xlogy(targets, targets).sum(1)
