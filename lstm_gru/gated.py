"""The scan of a gated cell, with a backward pass derived once for all of them.

Autodiff of the usual cell puts two products forward and three backward into each step (input and recurrent product;
their transposes; weight gradients). With the protocol of `lstm_gru.cells.GatedCell` one product each way remains: the
reverse scan pulls back through `gate` and multiplies once with the transposed kernel; kernel and bias gradients are
single products over all steps afterwards; input kernels are outside the scan to begin with. XLA does not find this by
itself.

What is kept for the backward pass: of each step the carry before it and the values of `gate`'s transcendental
functions, which are its activations; sums and products of these are computed again. Activations are written over the
input's shares of the pre-activations, which nobody needs any more.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from lstm_gru.cells.protocol import Array, Carry, Fixed, GatedCell, Gates, Params, by_name, carry_type, product
from lstm_gru.inputs import as_type, vary_alike

# Primitives whose values are worth keeping: several times dearer than a product of two numbers.
TRANSCENDENTAL = frozenset({"tanh", "logistic", "exp", "exp2", "expm1", "log", "log1p", "erf", "pow", "rsqrt", "sqrt"})


class Record(NamedTuple):
    """What happened inside, 0 in the padding.

    Attributes:
      gates: ``{name: [B, T, H]}``, the cell's named activations.
      carries: the carry after every step, ``[B, T, ...]``.
    """

    gates: Gates
    carries: Carry


class Recurrence(NamedTuple):
    """What is constant over time and differentiated: the product's weights and the cell's ``fixed``."""

    kernel: Array
    bias: Gates
    fixed: Fixed


def recurrence(cell: GatedCell, params: Params, fixed: Fixed, dtype: Any) -> Recurrence:
    """Return the cell's weights in the type of the products, and everything else in that of the carry."""
    kernel, bias = cell.recurrent(params)
    return Recurrence(kernel.astype(dtype), *as_type((bias, fixed), carry_type(dtype)))


def hold(valid: Array | None, new: Carry, old: Carry) -> Carry:
    """The new carry where a row's step is valid, the old one in the padding."""
    if valid is None:
        return new
    return jax.tree.map(lambda n, o: jnp.where(valid.reshape(valid.shape + (1,) * (n.ndim - 1)), n, o), new, old)


def scan_gated(
    cell: GatedCell,
    reverse: bool,
    recurrence: Recurrence,
    per_step: Gates,
    carry: Carry,
    valid: Array | None,
    *,
    record: bool = False,
) -> tuple[Carry, tuple[Array, Record | None]]:
    """Return the final carry, and of every step the output and, if asked for, the record."""

    def body(carry, now):
        a_x, valid_now = now
        new, activations = cell.gate(recurrence.fixed, carry, _pre_activations(cell, recurrence, carry, a_x))
        new = hold(valid_now, new, carry)
        return new, (cell.hidden(new), Record(activations, new) if record else None)

    return jax.lax.scan(body, carry, (per_step, valid), reverse=reverse)


def _pre_activations(cell: GatedCell, recurrence: Recurrence, carry: Carry, a_x: Gates) -> Gates:
    """All that enters `gate`: the one recurrent product, the input's share, biases."""
    joined = product(cell.read(recurrence.fixed, carry), recurrence.kernel)
    a_h = by_name(joined, cell.gates)
    summed = {**a_x, **{name: value + a_x[name] if name in a_x else value for name, value in a_h.items()}}
    return {name: a + recurrence.bias[name][None, :] if name in recurrence.bias else a for name, a in summed.items()}


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def scan_derived(cell, reverse, recurrence, per_step, carry, valid):
    """`scan_gated` with the derived backward pass."""
    return scan_gated(cell, reverse, recurrence, per_step, carry, valid)


class _Pull(NamedTuple):
    """The pull-backs of all steps: where each array that they need is found.

    Attributes:
      structure: the pull-back's tree.
      places: of each of its leaves, ``(kind, which)``: a leaf of ``fixed`` or ``before``, ``valid``, a name of
        ``over`` or a number of ``beside``.
    """

    structure: Any
    places: tuple[tuple[str, Any], ...]


jax.tree_util.register_static(_Pull)


def _scan_forward(cell, reverse, recurrence, per_step, carry, valid):
    """The forward pass that also keeps what pulls back through every step.

    Arrays over time that are only kept are written over ``per_step``, as far as there is room (``over``). A step finds
    its share of the input in the carry and leaves the next one's there, so that what is written has always been read:
    only then does XLA write in place, without a copy of the whole in every step.
    """
    found = {}  # Known when the body has been traced.
    times = jnp.arange(jax.tree.leaves(per_step)[0].shape[0])
    following = jnp.maximum(times - 1, 0) if reverse else jnp.minimum(times + 1, len(times) - 1)

    def body(state, now):
        (carry, over, a_x), (t, then, valid_now) = state, now
        a = _pre_activations(cell, recurrence, carry, a_x)
        (after, hidden), pull = jax.vjp(_kept_gate(cell, valid_now), recurrence.fixed, carry, a)
        leaves, structure = jax.tree.flatten(pull)
        places = _places(leaves, recurrence.fixed, carry, valid_now, a_x)
        found["pull"] = _Pull(structure, places)
        kept = {which: leaf for (kind, which), leaf in zip(places, leaves, strict=True) if kind == "over"}
        over |= {name: jax.lax.dynamic_update_index_in_dim(over[name], leaf, t, 0) for name, leaf in kept.items()}
        beside = [leaf for (kind, _), leaf in zip(places, leaves, strict=True) if kind == "beside"]
        return (after, over, _at(over, then)), (hidden, carry, beside)

    start = (carry, per_step, _at(per_step, times[-1 if reverse else 0]))
    (final, over, _), (hidden, before, beside) = jax.lax.scan(body, start, (times, following, valid), reverse=reverse)
    pull = found["pull"]
    over = {which: over[which] for kind, which in pull.places if kind == "over"}
    input_names = dict.fromkeys(per_step)  # Names only: residuals hold arrays or nothing.
    return (final, (hidden, None)), (recurrence, before, over, beside, valid, pull, input_names)


def _at(per_step: Gates, t: Array) -> Gates:
    return {name: jax.lax.dynamic_index_in_dim(array, t, keepdims=False) for name, array in per_step.items()}


def _kept_gate(cell: GatedCell, valid: Array | None):
    """`gate` and `hidden` of one step, whose pull-back keeps the values of transcendental functions only."""

    def gate(fixed, carry, a):
        new = hold(valid, cell.gate(fixed, carry, a)[0], carry)
        return new, cell.hidden(new)

    return jax.checkpoint(gate, policy=lambda primitive, *_, **__: primitive.name in TRANSCENDENTAL)


def _places(leaves, fixed, carry, valid, a_x) -> tuple[tuple[str, Any], ...]:
    """Where the leaves of a step's pull-back are kept; those that are known anyway are not kept again."""
    known = {id(leaf): ("fixed", k) for k, leaf in enumerate(jax.tree.leaves(fixed))}
    known |= {id(leaf): ("before", k) for k, leaf in enumerate(jax.tree.leaves(carry))}
    known[id(valid)] = ("valid", None)
    free, places, beside = dict(a_x), [], 0
    for leaf in leaves:
        fits = (name for name, x in free.items() if (x.shape, x.dtype) == (jnp.shape(leaf), jnp.result_type(leaf)))
        if id(leaf) in known:
            places.append(known[id(leaf)])
        elif name := next(fits, None):
            places.append(("over", name))
            del free[name]
        else:
            places.append(("beside", beside))
            beside += 1
    return tuple(places)


def _scan_backward(cell, reverse, kept, cotangents):
    recurrence, before, over, beside, valid, pull, input_names = kept
    d_final, (d_hidden, _) = cotangents
    transposed = recurrence.kernel.T  # Once, not in every step.
    by_input_only = [name for name in input_names if name not in cell.gates]

    def body(state, now):
        (d_carry, d_fixed, d_products), (t, carry, over, beside, valid_now, d_hidden_now) = state, now
        found = {"fixed": jax.tree.leaves(recurrence.fixed), "before": jax.tree.leaves(carry), "over": over}
        found |= {"beside": beside, "valid": {None: valid_now}}
        pull_gate = jax.tree.unflatten(pull.structure, [found[kind][which] for kind, which in pull.places])
        from_gate, d_carry, d_a = pull_gate((d_carry, d_hidden_now))
        d_product = jnp.concatenate([d_a[name] for name in cell.gates], axis=-1)
        _, pull_read = jax.vjp(cell.read, recurrence.fixed, carry)
        from_read, d_carry_read = pull_read(product(d_product, transposed))
        d_fixed = _add(d_fixed, _add(from_gate, from_read))
        d_products = jax.lax.dynamic_update_index_in_dim(d_products, d_product, t, 0)
        return (_add(d_carry, d_carry_read), d_fixed, d_products), {name: d_a[name] for name in by_input_only}

    # One array of all gates, since one product with it is faster than one a gate.
    empty = jnp.zeros((*d_hidden.shape[:-1], recurrence.kernel.shape[-1]), d_hidden.dtype)
    d_products, _ = vary_alike(empty, d_hidden)
    start = (d_final, jax.tree.map(jnp.zeros_like, recurrence.fixed), d_products)
    steps = (jnp.arange(len(d_hidden)), before, over, beside, valid, d_hidden)
    (d_carry, d_fixed, d_products), d_a = jax.lax.scan(body, start, steps, reverse=not reverse)
    sums = {name: d.sum(axis=(0, 1)) for name, d in d_a.items()} | by_name(d_products.sum(axis=(0, 1)), cell.gates)
    d_recurrence = Recurrence(
        kernel=_kernel_gradient(cell, recurrence, before, d_products),
        bias={name: sums[name] for name in recurrence.bias},
        fixed=d_fixed,
    )
    d_a |= by_name(d_products, cell.gates)
    return d_recurrence, {name: d_a[name] for name in input_names}, d_carry, None


scan_derived.defvjp(_scan_forward, _scan_backward)


def _kernel_gradient(cell: GatedCell, recurrence: Recurrence, before: Carry, d_product: Array) -> Array:
    """``Σ_t read_tᵀ δ_t`` as one product over all T·B rows."""
    dtype, reads = recurrence.kernel.dtype, jax.vmap(cell.read, in_axes=(None, 0))(recurrence.fixed, before)
    count = reads.shape[0] * reads.shape[1]
    rows, deltas = (array.reshape(count, array.shape[-1]).astype(dtype) for array in (reads, d_product))
    return product(rows.T, deltas).astype(dtype)


def _add(a: Any, b: Any) -> Any:
    return jax.tree.map(jnp.add, a, b)
