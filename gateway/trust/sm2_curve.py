"""SM2曲线: points of the curve of GB/T 32918.5-2017 in pure Python, for verification and for test issuers.

Jacobian coordinates with a = p − 3. Multiples of a point come from a table of its windows where it has one, else by
double-and-add. Nothing here is constant in time: it must not sign with a key that matters.
"""

from collections.abc import Sequence
from functools import lru_cache

P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
A = P - 3
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
G = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)
Point = tuple[int, int]
Jacobian = tuple[int, int, int]
Table = tuple[tuple[Point, ...], ...]
INFINITY: Jacobian = (1, 1, 0)


def on_curve(point: Point) -> bool:
    """Whether both coordinates are in the field and satisfy the curve's equation; its cofactor is 1."""
    x, y = point
    return 0 <= x < P and 0 <= y < P and (y * y - (x * x * x + A * x + B)) % P == 0


def double(point: Jacobian) -> Jacobian:
    """2·point."""
    x, y, z = point
    if not z or not y:
        return INFINITY
    delta, gamma = z * z % P, y * y % P
    beta = x * gamma % P
    alpha = 3 * (x - delta) * (x + delta) % P
    x3 = (alpha * alpha - 8 * beta) % P
    z3 = ((y + z) * (y + z) - gamma - delta) % P
    return x3, (alpha * (4 * beta - x3) - 8 * gamma * gamma) % P, z3


def add_affine(left: Jacobian, right: Point) -> Jacobian:
    """The sum of two points, the second an ordinary point."""
    x1, y1, z1 = left
    if not z1:
        return right[0], right[1], 1
    zz = z1 * z1 % P
    h = (right[0] * zz - x1) % P
    r = (right[1] * z1 * zz - y1) % P
    if not h:
        return INFINITY if r else double(left)
    hh = h * h % P
    hhh, v = h * hh % P, x1 * hh % P
    x3 = (r * r - hhh - 2 * v) % P
    return x3, (r * (v - x3) - y1 * hhh) % P, z1 * h % P


def to_affine(points: Sequence[Jacobian]) -> list[Point]:
    """Ordinary coordinates of points none of which is at infinity, with one inversion for all."""
    products, running = [], 1
    for _, _, z in points:
        products.append(running)
        running = running * z % P
    inverse = pow(running, -1, P)
    affine: list[Point] = []
    for (x, y, z), before in zip(reversed(points), reversed(products), strict=True):
        own = inverse * before % P
        inverse = inverse * z % P
        square = own * own % P
        affine.append((x * square % P, y * square * own % P))
    return affine[::-1]


def table_of(point: Point, bits: int) -> Table:
    """For each window of `bits` bits the multiples 1 … 2^bits − 1 of point·2^(bits·window)."""
    windows = -(-256 // bits)
    flat: list[Jacobian] = []
    base: Point = point
    for _ in range(windows):
        current: Jacobian = (base[0], base[1], 1)
        for _ in range((1 << bits) - 1):
            flat.append(current)
            current = add_affine(current, base)
        base = to_affine([current])[0]
    affine = to_affine(flat)
    size = (1 << bits) - 1
    return tuple(tuple(affine[start : start + size]) for start in range(0, len(affine), size))


def add_from_table(total: Jacobian, table: Table, factor: int) -> Jacobian:
    """The sum of `total` and factor·(the table's point)."""
    mask = len(table[0])
    bits = mask.bit_length()
    for row in table:
        digit = factor & mask
        if digit:
            total = add_affine(total, row[digit - 1])
        factor >>= bits
    return total


def multiply(point: Point, factor: int) -> Jacobian:
    """factor·point without a table, four bits at a time."""
    multiples: list[Jacobian] = [(point[0], point[1], 1)]
    for _ in range(14):
        multiples.append(add_affine(multiples[-1], point))
    affine = to_affine(multiples)
    total = INFINITY
    for shift in range(252, -4, -4):
        if total[2]:
            total = double(double(double(double(total))))
        digit = factor >> shift & 15
        if digit:
            total = add_affine(total, affine[digit - 1])
    return total


@lru_cache(maxsize=1)
def generator_table() -> Table:
    """Of the generator, eight bits at a time; made once, on first use."""
    return table_of(G, 8)
