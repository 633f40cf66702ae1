"""What to say to those who come from PyTorch and try a name that is called otherwise here."""

TENSOR = {
    "float": 'x.cast("float32")',
    "double": 'x.cast("float64")',
    "long": 'x.cast("int64")',
    "int": 'x.cast("int32")',
    "bool": 'x.cast("bool")',
    "type": 'x.cast("float32")',
    "cpu": "leave it out: there is only the CPU",
    "cuda": "leave it out: there is only the CPU",
    "numel": "x.size",
    "nelement": "x.size",
    "dim": "x.ndim",
    "clone": "rl.tensor(x), or x.detach()",
    "t": "x.T",
    "clamp": "x.clip(low, high)",
    "contiguous": "leave it out",
    "copy_": "x.assign(values)",
    "index_select": "x.take(indices, axis)",
    "amax": "x.max(axis)",
    "amin": "x.min(axis)",
    "view_as": "x.reshape(other.shape)",
    "new_zeros": "rl.zeros(...)",
    "arcsin": "x.asin()",
    "arccos": "x.acos()",
    "arctan": "x.atan()",
    "arctan2": "y.atan2(x)",
    "absolute": "x.abs()",
    "negative": "-x",
    "bitwise_left_shift": "x << n",
    "bitwise_right_shift": "x >> n",
}
PACKAGE = {
    "cat": "rl.concat(tensors, axis)",
    "from_numpy": "rl.tensor(array)",
    "as_tensor": "rl.tensor(array)",
    "matmul": "a @ b",
    "clamp": "rl.clip(x, low, high)",
    "arcsin": "rl.asin(x)",
    "arccos": "rl.acos(x)",
    "arctan": "rl.atan(x)",
    "arctan2": "rl.atan2(y, x)",
    "special": "rl.erf(x), rl.xlogy(x, y) and the like",
    "empty": "rl.zeros(...)",
    "permute": "x.permute(...)",
    "std": "x.std(axis)",
    "norm": "x.norm(p, axis)",
    "squeeze": "x.squeeze(axis)",
    "device": 'leave it out, or write "cpu"',
    "utils": "rl.data.DataLoader",
    "FloatTensor": "rl.tensor(...)",
}

OPTIM = {
    "CosineAnnealingLR": "CosineLR(optimizer, steps, low)",
    "CosineAnnealingWarmRestarts": "CosineRestartsLR(optimizer, steps, growth, low)",
    "ReduceLROnPlateau": "PlateauLR(optimizer)",
    "ChainedScheduler": "ChainedLR(schedules)",
    "MultiplicativeLR": "LambdaLR(optimizer, factor), of the whole factor",
    "NoamLR": "InverseSquareRootLR(optimizer, warmup)",
    "clip_grad_norm_": "clip_grad_norm(parameters, max_norm)",
    "clip_grad_value_": "clip_grad_value(parameters, value)",
    "lr_scheduler": "rl.optim.StepLR and so on: schedules stand beside the optimisers",
    "swa_utils": "rl.optim.EMA or rl.optim.SWA",
    "AveragedModel": "EMA(module, decay) or SWA(module)",
}


def advice(names: dict[str, str], name: str) -> str:
    """Return what to write instead, as the end of a message; nothing where nothing is known.

    >>> advice(PACKAGE, "cat")
    '; write rl.concat(tensors, axis)'
    """
    if name in names:
        return f"; write {names[name]}"
    if names is TENSOR and name.endswith("_") and not name.startswith("_"):
        return "; tensors are not changed in place: write x = x + y, or x.assign(values)"
    return ""
