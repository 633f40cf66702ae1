"""What to say to those who try a name of PyTorch, Keras or scikit-learn: what it is called here."""

import difflib
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import NoReturn

Names = Mapping[str, str]

_ONLY_CPU = "leave it out: there is only the CPU"
_ABSENT = "it is not here yet: docs/from-pytorch.md says what else is not"
_WITHOUT = "tensors are not changed in place: write x = x + y, or x.assign(values)"


def _methods(names: str) -> Names:
    return {name: f"write x.{name}(...)" for name in names.split()}


TENSOR: Names = {
    "float": 'write x.cast("float32")',
    "double": 'write x.cast("float64")',
    "long": 'write x.cast("int64")',
    "int": 'write x.cast("int32")',
    "bool": 'write x.cast("bool")',
    "type": 'write x.cast("float32")',
    "cpu": _ONLY_CPU,
    "cuda": _ONLY_CPU,
    "numel": "write x.size",
    "nelement": "write x.size",
    "dim": "write x.ndim",
    "clone": "write rl.tensor(x), or x.detach()",
    "t": "write x.T",
    "clamp": "write x.clip(low, high)",
    "contiguous": "leave it out",
    "copy_": "write x.assign(values)",
    "index_select": "write x.take(indices, axis)",
    "amax": "write x.max(axis)",
    "amin": "write x.min(axis)",
    "view_as": "write x.reshape(other.shape)",
    "new_zeros": "write rl.zeros(...)",
    "arcsin": "write x.asin()",
    "arccos": "write x.acos()",
    "arctan": "write x.atan()",
    "arctan2": "write y.atan2(x)",
    "absolute": "write x.abs()",
    "negative": "write -x",
    "bitwise_left_shift": "write x << n",
    "bitwise_right_shift": "write x >> n",
    "astype": 'write x.cast("float32")',
    "half": 'write x.cast("float16")',
    "is_cuda": _ONLY_CPU,
    "pin_memory": _ONLY_CPU,
    "mm": "write a @ b",
    "bmm": "write a @ b",
    "dot": "write (a * b).sum()",
    "mT": "write x.T",
    "H": "write x.T",
    "scatter": "write x.replace(index, values)",
    "index_add": "write x.scatter_add(...)",
    "masked_select": "write x[mask]",
    "nonzero": "write rl.nonzero(x)",
    "outer": "write rl.outer(x, y)",
    "unique": "write np.unique(x.numpy())",
    "register_hook": "write rl.gradients_of(y, [x])",
    "retain_grad": "write rl.gradients_of(y, [x])",
    "grad_fn": "rl.trace(f, x) shows what is computed",
}
PACKAGE: Names = {
    **_methods(
        "all any argmax argmin broadcast_to expand flatten gather log_softmax logsumexp "
        "masked_fill max mean min prod reshape softmax sum transpose unsqueeze var"
    ),
    "cat": "write rl.concat(tensors, axis)",
    "from_numpy": "write rl.tensor(array)",
    "as_tensor": "write rl.tensor(array)",
    "matmul": "write a @ b",
    "clamp": "write rl.clip(x, low, high)",
    "arcsin": "write rl.asin(x)",
    "arccos": "write rl.acos(x)",
    "arctan": "write rl.atan(x)",
    "arctan2": "write rl.atan2(y, x)",
    "special": "write rl.erf(x), rl.xlogy(x, y) and the like",
    "empty": "write rl.zeros(...)",
    "permute": "write x.permute(...)",
    "std": "write x.std(axis)",
    "norm": "write x.norm(p, axis)",
    "squeeze": "write x.squeeze(axis)",
    "device": _ONLY_CPU,
    "utils": "write rl.data.DataLoader, or rl.checkpoint",
    "FloatTensor": "write rl.tensor(...)",
    "LongTensor": 'write rl.tensor(..., dtype="int64")',
    "bool": "write rl.bool_",
    "half": "write rl.float16",
    "float": "write rl.float32",
    "double": "write rl.float64",
    "int": "write rl.int32",
    "long": "write rl.int64",
    "cuda": _ONLY_CPU,
    "backends": _ONLY_CPU,
    "set_default_dtype": "give dtype= where a tensor is made",
    "set_num_threads": "set RUSHLIGHT_THREADS before Python starts",
    "seed": "write rl.manual_seed(0)",
    "randperm": "write rl.rand(n).argsort()",
    "normal": "write mean + std * rl.randn(shape)",
    "bernoulli": "write rl.rand(p.shape) < p",
    "logspace": "write 10.0 ** rl.linspace(start, stop, count)",
    "diag": "write rl.diagonal(x), or rl.eye(n) * x",
    "mm": "write a @ b",
    "bmm": "write a @ b",
    "dot": "write (a * b).sum()",
    "amax": "write x.max(axis)",
    "amin": "write x.min(axis)",
    "allclose": "write x.allclose(y)",
    "equal": "write (x == y).all()",
    "is_tensor": "write isinstance(x, rl.Tensor)",
    "nan_to_num": "write rl.where(rl.isnan(x), 0.0, x)",
    "unique": "write np.unique(x.numpy())",
    "bincount": "write np.bincount(x.numpy())",
    "linalg": "write x.norm(), or take NumPy's",
    "inference_mode": "write rl.no_grad()",
    "func": "write rl.grad(f), rl.value_and_grad(f) or rl.vmap(f)",
    "fft": _ABSENT,
    "jit": "write rl.compile(f)",
    "lax": "write rl.scan, rl.cond or rl.while_loop",
    "fori_loop": "write rl.scan(f, init, xs, length=n)",
    "map": "write rl.vmap(f)(xs), or rl.scan",
    "associative_scan": "write rl.scan, rl.cumsum or rl.cumprod",
    "onnx": "rushlight export writes a model file as C",
    "Module": "write rl.nn.Module",
    "Parameter": "write rl.nn.Parameter",
    "Sequential": "write rl.nn.Sequential",
    "Linear": "write rl.nn.Linear",
    "Model": "write rl.nn.Module, or rl.nn.Sequential",
    "layers": "write rl.nn",
    "losses": "write rl.nn.functional",
    "optimizers": "write rl.optim",
    "callbacks": "write rl.train.Callback",
    "lr_scheduler": "write rl.optim.StepLR and so on",
}

OPTIM: Names = {
    "CosineAnnealingLR": "write CosineLR(optimizer, steps, low)",
    "CosineAnnealingWarmRestarts": "write CosineRestartsLR(optimizer, steps, growth, low)",
    "ReduceLROnPlateau": "write PlateauLR(optimizer)",
    "ChainedScheduler": "write ChainedLR(schedules)",
    "MultiplicativeLR": "write LambdaLR(optimizer, factor), of the whole factor",
    "NoamLR": "write InverseSquareRootLR(optimizer, warmup)",
    "clip_grad_norm_": "write clip_grad_norm(parameters, max_norm)",
    "clip_grad_value_": "write clip_grad_value(parameters, value)",
    "lr_scheduler": "write rl.optim.StepLR and so on: schedules stand beside the optimisers",
    "swa_utils": "write rl.optim.EMA or rl.optim.SWA",
    "AveragedModel": "write EMA(module, decay) or SWA(module)",
}
OPTIMIZER: Names = {
    "param_groups": "write optimizer.groups, whose lr and other settings are attributes",
    "add_param_group": "write optimizer.add_group({...})",
    "state": "write optimizer.moments",
    "learning_rate": "write optimizer.lr",
}

AUTOGRAD: Names = {
    "grad": "write rl.gradients_of(y, [x])",
    "Function": _ABSENT,
    "functional": "write rl.grad(f), rl.value_and_grad(f) or rl.vmap(f)",
    "set_detect_anomaly": "write rl.detect_anomaly()",
}

NN: Names = {
    **dict.fromkeys(
        (
            *("Fold", "Unfold"),
            *("ReflectionPad2d", "ReplicationPad2d", "SpectralNorm", "LazyConv2d"),
        ),
        _ABSENT,
    ),
    "MultiheadAttention": "write MultiHeadAttention(width, heads)",
    "Transformer": "write TransformerEncoder(layers) and TransformerDecoder(layers)",
    "PositionalEncoding": "write SinusoidalPositions(...) or LearnedPositions(...)",
    "SwiGLU": 'write FeedForward(width, hidden, "swiglu")',
    "DataParallel": _ONLY_CPU,
    "SyncBatchNorm": _ONLY_CPU,
    "LazyLinear": "write rl.nn.build().input(...).linear(...), which works the sizes out",
    "Dense": "write Linear(inputs, outputs)",
    "Conv": "write Conv2d(in_channels, out_channels, kernel_size)",
    "BatchNormalization": "write BatchNorm(features)",
    "LayerNormalization": "write LayerNorm(shape)",
    "Input": "write rl.nn.build().input(...)",
    "Model": "write a class of Module, or Sequential",
    "Lambda": "write a class of Module with a forward",
    "ZeroPad2d": "write x.pad([(0, 0), (0, 0), (1, 1), (1, 1)])",
    "Softmax2d": "write Softmax(axis=1)",
    "utils": "write rl.optim.clip_grad_norm(...), rl.data.pad(...)",
}
FUNCTIONAL: Names = {
    **dict.fromkeys(("unfold", "fold", "grid_sample", "gumbel_softmax"), _ABSENT),
    **dict.fromkeys(("dropout1d", "dropout2d", "dropout3d"), "write channel_dropout(x, p)"),
    "pad": "write x.pad([(0, 0), (1, 1)]): a pair for each axis",
    "batch_norm": "write rl.nn.BatchNorm(features)(x)",
    "swish": "write silu(x)",
    "upsample": "write interpolate(x, scale_factor=2)",
    "accuracy": "write rl.metrics.accuracy(outputs, labels)",
}
INIT: Names = {
    **{
        f"{name}_": f"write w.assign(rl.nn.init.{name}(w.shape))"
        for name in (
            *("zeros", "ones", "eye", "dirac", "uniform", "normal", "orthogonal"),
            *("xavier_uniform", "xavier_normal", "kaiming_uniform", "kaiming_normal"),
        )
    },
    "constant_": "write w.assign(rl.nn.init.constant(w.shape, value))",
    "sparse_": "write w.assign(rl.nn.init.sparse(w.shape, sparsity))",
    "trunc_normal_": "write w.assign(rl.nn.init.truncated_normal(w.shape))",
    "calculate_gain": "write gain(activation)",
    "identity": "write eye(shape)",
    "Identity": "write eye(shape)",
    "glorot_uniform": "write xavier_uniform(shape)",
    "glorot_normal": "write xavier_normal(shape)",
    "he_uniform": "write kaiming_uniform(shape)",
    "he_normal": "write kaiming_normal(shape)",
}
MODULE: Names = {
    "cuda": _ONLY_CPU,
    "cpu": _ONLY_CPU,
    "half": 'write model.cast("float16")',
    "float": 'write model.cast("float32")',
    "double": 'write model.cast("float64")',
    "register_buffer": "write self.buffer(name, tensor)",
    "register_parameter": "write self.name = rl.nn.Parameter(values)",
    "add_module": "write self.name = module",
    "get_submodule": "write dict(model.named_modules())[name]",
    "register_backward_hook": "there are hooks of the way forth only",
    "register_full_backward_hook": "there are hooks of the way forth only",
    "compile": "write rl.compile(model); rl.fit compiles by itself",
    "fit": "write rl.fit(model, data, ...)",
    "predict": "write rl.predict(model, data)",
    "generate": "write rl.llm.TextGenerator(model, tokenizer).write(prompt, tokens)",
    "evaluate": "write rl.evaluate(model, data)",
    "save": "write rl.save(path, model)",
    "count_params": "write model.num_parameters()",
}

TRAIN: Names = {
    "EarlyStopping": "write rl.fit(..., patience=5, restore_best=True)",
    "ModelCheckpoint": "write rl.fit(..., checkpoint=folder)",
    "ReduceLROnPlateau": "write rl.fit(..., schedule=rl.optim.PlateauLR(optimizer))",
    "LRFinder": "write rl.train.find_lr(model, data, ...)",
    "lr_find": "write rl.train.find_lr(model, data, ...)",
    "CSVLogger": "write rl.train.JsonLines(path)",
    "SummaryWriter": "write rl.train.TensorBoard(folder)",
    "Trainer": "write rl.fit(model, data, ...)",
}
METRICS: Names = {
    "accuracy_score": "write accuracy(outputs, labels)",
    "Accuracy": "write accuracy(outputs, labels)",
    "precision_score": "write precision(outputs, labels)",
    "recall_score": "write recall(outputs, labels)",
    "f1_score": "write f1(outputs, labels)",
    "roc_auc_score": "write roc_auc(scores, labels)",
    "auc": "write roc_auc(scores, labels)",
    "average_precision_score": "write average_precision(scores, labels)",
    "mse": "write mean_squared_error(outputs, targets)",
    "rmse": "write root_mean_squared_error(outputs, targets)",
    "mae": "write mean_absolute_error(outputs, targets)",
    "r2_score": "write r2(outputs, targets)",
}
DATA: Names = {
    "TensorDataset": "write Dataset(x, y)",
    "ImageFolder": "write image_folder(path, size)",
    "Subset": "write split(dataset, [0.8, 0.2])",
    "random_split": "write split(dataset, [0.8, 0.2])",
    "train_test_split": "write split(dataset, [0.8, 0.2], stratify=-1)",
    "KFold": "write folds(dataset, 5)",
    "StratifiedKFold": "write folds(dataset, 5, stratify=-1)",
    "StandardScaler": "write (x - x.mean(0)) / x.std(0), in NumPy",
    "RandomSampler": "write DataLoader(..., replacement=True)",
    "WeightedRandomSampler": "write DataLoader(..., replacement=True, weights=weights)",
    "pad_sequence": "write pad(rows)",
    "transforms": "write rl.data.augment",
    "Compose": "write augment.Augment(...)",
    "read_parquet": "write Dataset.from_frame(frame)",
}
AUGMENT: Names = {
    "Compose": "write Augment(...)",
    "Normalize": "write Normalise(mean, std)",
    "ToTensor": "write Normalise(), which divides by 255",
    "RandomHorizontalFlip": "write Flip()",
    "RandomRotation": "write Rotate(degrees)",
    "GaussianNoise": "write Noise(std)",
}
LAZY: Mapping[str, Names] = {  # by the package
    "rushlight": PACKAGE,
    "rushlight.data": DATA,
    "rushlight.train": TRAIN,
    "rushlight.train.metrics": METRICS,
}


def advice(names: Names, name: str, known: Iterable[str] = ()) -> str:
    """Return what to write instead, as the end of a message; nothing where nothing is known.

    Where the name is not one of `names`, the nearest of those that are `known` is what was meant.

    >>> advice(PACKAGE, "cat")
    '; write rl.concat(tensors, axis)'
    >>> advice(PACKAGE, "manual_sed", ["manual_seed"])
    '; did you mean manual_seed?'
    """
    if name.startswith("_"):
        return ""
    if name in names:
        return f"; {names[name]}"
    if names is TENSOR and name.endswith("_"):
        return f"; {_WITHOUT}"
    public = [one for one in known if not one.startswith("_")]
    close = difflib.get_close_matches(name, public, n=1, cutoff=0.75)
    return f"; did you mean {close[0]}?" if close else ""


def missing(module: str, names: Names) -> Callable[[str], NoReturn]:
    """Return what a module takes for its `__getattr__`: it says what to write instead."""

    def __getattr__(name: str) -> NoReturn:
        more = advice(names, name, vars(sys.modules[module]))
        raise AttributeError(f"module {module!r} has no attribute {name!r}{more}")

    return __getattr__
