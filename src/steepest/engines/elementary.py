"""exp, log, log1p and cbrt written out in LLVM IR, so that a loop over rows that calls them vectorises.

All are straight lines: special values are selected at the end, never branched to. Errors are below 1 ulp (exp, cbrt) and
2 ulp (log, log1p); tests compare them with NumPy. (The C library's cbrt is 3 ulp off in glibc.) Flags let products and
sums contract, but never reorder: the reductions depend on the order.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from fractions import Fraction

from steepest.language.program import float64

F = "contract"
# ln 2 in two parts; the first has 32 significant bits, so that its product with an exponent is exact.
LN2_HIGH, LN2_LOW = 0.6931471803691238, 1.9082149292705877e-10
SHIFT = 1.5 * 2.0**52  # added to a small number, it leaves the nearest whole number in the low bits


def constant(value: Fraction | float) -> str:
    """A float64 as LLVM writes it, to the bit."""
    return f"0x{struct.unpack('<Q', struct.pack('<d', float64(value)))[0]:016X}"


def horner(argument: str, coefficients: Sequence[Fraction], stem: str) -> tuple[list[str], str]:
    """Lines for the polynomial with these coefficients, lowest first, and the name of its value."""
    lines: list[str] = []
    value = constant(coefficients[-1])
    for k, coefficient in enumerate(reversed(coefficients[:-1])):
        lines.append(f"%{stem}.m{k} = fmul {F} double {value}, {argument}")
        lines.append(f"%{stem}.a{k} = fadd {F} double %{stem}.m{k}, {constant(coefficient)}")
        value = f"%{stem}.a{k}"
    return lines, value


def exponential() -> str:
    """exp(x) = 2^n exp(r), r = x - n ln 2 in [-ln2/2, ln2/2]; exp(r) = 1 + (r + r² q(r)) by its Taylor series."""
    poly, q = horner("%r", [Fraction(1, math.factorial(k)) for k in range(2, 14)], "q")
    lines = [
        f"%scaled = fmul double %x, {constant(1 / math.log(2))}",
        f"%shifted = fadd double %scaled, {constant(SHIFT)}",
        f"%n = fsub double %shifted, {constant(SHIFT)}",
        f"%high = fmul {F} double %n, {constant(LN2_HIGH)}",
        f"%r0 = fsub {F} double %x, %high",
        f"%low = fmul {F} double %n, {constant(LN2_LOW)}",
        f"%r = fsub {F} double %r0, %low",
        *poly,
        f"%square = fmul {F} double %r, %r",
        f"%curved = fmul {F} double %square, {q}",
        f"%rest = fadd {F} double %r, %curved",
        f"%mantissa = fadd {F} double 1.0, %rest",
        # Results below the normal numbers are built 2^64 too large, and rounded once by the last product.
        f"%tiny = fcmp olt double %x, {constant(-700.0)}",
        "%bits = bitcast double %shifted to i64",
        "%lift = select i1 %tiny, i64 64, i64 0",
        "%power = add i64 %bits, %lift",
        "%exponent = shl i64 %power, 52",
        "%mantissa.bits = bitcast double %mantissa to i64",
        "%sum.bits = add i64 %mantissa.bits, %exponent",
        "%built = bitcast i64 %sum.bits to double",
        f"%drop = select i1 %tiny, double {constant(2.0**-64)}, double 1.0",
        "%value = fmul double %built, %drop",
        f"%over = fcmp ogt double %x, {constant(709.782712893384)}",
        f"%v1 = select i1 %over, double {constant(math.inf)}, double %value",
        f"%under = fcmp olt double %x, {constant(-745.1332191019412)}",
        "%v2 = select i1 %under, double 0.0, double %v1",
        "%nan = fcmp uno double %x, %x",
        "%v3 = select i1 %nan, double %x, double %v2",
        "ret double %v3",
    ]
    return function("steepest_exp", lines)


def logarithm() -> str:
    """log(x) = k ln 2 + log(1 + f), 1 + f in [√½, √2); with s = f/(2 + f), log(1 + f) = f - s(f - R(s²)).

    R is the rest of the series of 2 artanh s after its first term.
    """
    poly, rest = horner("%z", [Fraction(2, 2 * k + 1) for k in range(1, 12)], "q")
    lines = [
        f"%small = fcmp olt double %x, {constant(2.0**-1022)}",
        f"%up = select i1 %small, double {constant(2.0**54)}, double 1.0",
        "%normal = fmul double %x, %up",
        "%bits = bitcast double %normal to i64",
        # The exponent for which the mantissa lies in [√½, √2): subtract √½'s bits, keep the exponent part.
        f"%moved = sub i64 %bits, {struct.unpack('<q', struct.pack('<d', math.sqrt(0.5)))[0]}",
        "%k = ashr i64 %moved, 52",
        "%k.bits = shl i64 %k, 52",
        "%m.bits = sub i64 %bits, %k.bits",
        "%m = bitcast i64 %m.bits to double",
        # A small whole number as a double without a conversion, which AVX2 lacks.
        f"%k.place = add i64 %k, {struct.unpack('<q', struct.pack('<d', SHIFT))[0]}",
        "%k.shifted = bitcast i64 %k.place to double",
        f"%k.whole = fsub double %k.shifted, {constant(SHIFT)}",
        f"%less = select i1 %small, double {constant(54.0)}, double 0.0",
        "%e = fsub double %k.whole, %less",
        "%f = fsub double %m, 1.0",
        "%two = fadd double %f, 2.0",
        "%s = fdiv double %f, %two",
        "%z = fmul double %s, %s",
        *poly,
        f"%R = fmul {F} double %z, {rest}",
        "%gap = fsub double %f, %R",
        f"%bend = fmul {F} double %s, %gap",
        f"%e.low = fmul {F} double %e, {constant(LN2_LOW)}",
        f"%t1 = fsub {F} double %e.low, %bend",
        f"%t2 = fadd {F} double %t1, %f",
        f"%e.high = fmul {F} double %e, {constant(LN2_HIGH)}",
        f"%value = fadd {F} double %e.high, %t2",
        f"%huge = fcmp oeq double %x, {constant(math.inf)}",
        "%v1 = select i1 %huge, double %x, double %value",
        "%zero = fcmp oeq double %x, 0.0",
        f"%v2 = select i1 %zero, double {constant(-math.inf)}, double %v1",
        "%wrong = fcmp ult double %x, 0.0",
        f"%v3 = select i1 %wrong, double {constant(math.nan)}, double %v2",
        "ret double %v3",
    ]
    return function("steepest_log", lines)


def logarithm_1p() -> str:
    """log1p(x) = log(u) + (x - (u - 1))/u with u = fl(1 + x): the quotient restores what rounding u lost."""
    lines = [
        "%u = fadd double 1.0, %x",
        "%log = call double @steepest_log(double %u)",
        "%kept = fsub double %u, 1.0",
        "%lost = fsub double %x, %kept",
        "%part = fdiv double %lost, %u",
        "%value = fadd double %log, %part",
        "%same = fcmp oeq double %u, 1.0",
        "%v1 = select i1 %same, double %x, double %value",
        f"%huge = fcmp oeq double %x, {constant(math.inf)}",
        "%v2 = select i1 %huge, double %x, double %v1",
        "%zero = fcmp oeq double %u, 0.0",
        f"%v3 = select i1 %zero, double {constant(-math.inf)}, double %v2",
        "ret double %v3",
    ]
    return function("steepest_log1p", lines)


def cube_root() -> str:
    """cbrt(x): a third of the exponent's bits as a guess, good to 5 bits; two steps of Halley's, one of Newton's method."""
    whole = struct.unpack("<q", struct.pack("<d", 2.0**52))[0]
    lines = [
        "%x.bits = bitcast double %x to i64",
        f"%sign = and i64 %x.bits, {-(2**63)}",
        "%size.bits = xor i64 %x.bits, %sign",
        "%size = bitcast i64 %size.bits to double",
        f"%small = fcmp olt double %size, {constant(2.0**-1022)}",
        f"%up = select i1 %small, double {constant(2.0**54)}, double 1.0",
        "%a = fmul double %size, %up",
        "%bits = bitcast double %a to i64",
        "%high = lshr i64 %bits, 32",
        f"%high.place = or i64 %high, {whole}",
        "%high.shifted = bitcast i64 %high.place to double",
        f"%high.whole = fsub double %high.shifted, {constant(2.0**52)}",
        f"%third = fmul double %high.whole, {constant(1 / 3)}",
        f"%guess = fadd double %third, {constant(715094163.0)}",
        f"%guess.shifted = fadd double %guess, {constant(2.0**52)}",
        "%guess.bits = bitcast double %guess.shifted to i64",
        "%t0.bits = shl i64 %guess.bits, 32",
        "%t0 = bitcast i64 %t0.bits to double",
        *(line for k in range(2) for line in halley(k)),
        "%square = fmul double %t2, %t2",
        "%other = fdiv double %a, %square",
        "%gap = fsub double %t2, %other",
        f"%step = fmul double %gap, {constant(1 / 3)}",
        "%root = fsub double %t2, %step",
        f"%down = select i1 %small, double {constant(2.0**-18)}, double 1.0",
        "%scaled = fmul double %root, %down",
        "%scaled.bits = bitcast double %scaled to i64",
        "%value.bits = or i64 %scaled.bits, %sign",
        "%value = bitcast i64 %value.bits to double",
        "%zero = fcmp oeq double %x, 0.0",
        f"%wide = fcmp ueq double %size, {constant(math.inf)}",
        "%itself = or i1 %zero, %wide",
        "%v1 = select i1 %itself, double %x, double %value",
        "ret double %v1",
    ]
    return function("steepest_cbrt", lines)


def halley(k: int) -> list[str]:
    """t (r + 2)/(2r + 1) with r = t³/a, in an order that cannot overflow."""
    return [
        f"%q{k} = fdiv double %t{k}, %a",
        f"%s{k} = fmul double %t{k}, %t{k}",
        f"%r{k} = fmul double %s{k}, %q{k}",
        f"%n{k} = fadd double %r{k}, 2.0",
        f"%w{k} = fmul double %r{k}, 2.0",
        f"%d{k} = fadd double %w{k}, 1.0",
        f"%f{k} = fdiv double %n{k}, %d{k}",
        f"%t{k + 1} = fmul double %t{k}, %f{k}",
    ]


def function(name: str, lines: Sequence[str]) -> str:
    body = "\n".join(f"  {line}" for line in lines)
    return f"define internal double @{name}(double %x) alwaysinline {{\n{body}\n}}\n"


GEGENBAUER = """
define internal double @steepest_gegenbauer(i64 %n, double %alpha, double %u) {
entry:
  %chebyshev = fcmp oeq double %alpha, 0.0
  %a = select i1 %chebyshev, double 1.0, double %alpha
  %shift = fmul double %alpha, 2.0
  %shift.less = fsub double %shift, 2.0
  %alpha.less = fsub double %alpha, 1.0
  %twice = fmul double %u, 2.0
  %slope = fmul double %twice, %a
  %first = select i1 %chebyshev, double %u, double %slope
  %small = icmp slt i64 %n, 2
  br i1 %small, label %low, label %step
low:
  %zero = icmp eq i64 %n, 0
  %answer = select i1 %zero, double 1.0, double %first
  ret double %answer
step:
  %k = phi i64 [ 2, %entry ], [ %k.next, %step ]
  %before = phi double [ 1.0, %entry ], [ %last, %step ]
  %last = phi double [ %first, %entry ], [ %value, %step ]
  %kf = sitofp i64 %k to double
  %p = fadd double %kf, %alpha.less
  %q = fadd double %kf, %shift.less
  %up = fmul double %p, %twice
  %left = fmul double %up, %last
  %right = fmul double %q, %before
  %difference = fsub double %left, %right
  %legendre = fdiv double %difference, %kf
  %t.left = fmul double %twice, %last
  %t.value = fsub double %t.left, %before
  %value = select i1 %chebyshev, double %t.value, double %legendre
  %k.next = add nsw i64 %k, 1
  %go = icmp sle i64 %k.next, %n
  br i1 %go, label %step, label %out
out:
  ret double %value
}
"""

WRITTEN_OUT = {
    "exp": exponential(),
    "log": logarithm(),
    "log1p": logarithm_1p(),
    "cbrt": cube_root(),
    "steepest_gegenbauer": GEGENBAUER,
}
NEEDS = {"log1p": ("log",)}


def declarations(called: Mapping[str, int]) -> str:
    """What a module needs before its own text: functions written out, and C functions (name → number of arguments) declared."""
    wanted = [name for name in called if name in WRITTEN_OUT]
    wanted += [other for name in wanted for other in NEEDS.get(name, ()) if other not in wanted]
    declared = [
        f"declare double @{name}({', '.join(['double'] * count)}) nounwind willreturn memory(none)\n"
        for name, count in sorted(called.items())
        if name not in WRITTEN_OUT
    ]
    return "".join([*declared, *(WRITTEN_OUT[name] for name in sorted(wanted))])


def symbols(called: Mapping[str, int]) -> list[str]:
    """The C functions among those called."""
    return [name for name in called if name not in WRITTEN_OUT]
