"""The text of a graph."""

import re
from textwrap import dedent

import rushlight as rl
from rushlight.graph.printer import state_names


def text_of(graph: rl.Graph) -> str:
    """The text, with line numbers of this file made N."""
    return re.sub(r"test_printer\.py:\d+", "test_printer.py:N", str(graph))


def golden(text: str) -> str:
    return dedent(text).strip("\n")


def test_a_function_of_its_arguments() -> None:
    def loss(x: rl.Tensor, scale: rl.Tensor) -> rl.Tensor:
        return (x * scale + 1.0).sum(0)

    assert text_of(rl.trace(loss, rl.ones(2, 3), rl.ones(3))) == golden("""
        graph loss
          %0 = argument                        float32 (2, 3)
          %1 = argument                        float32 (3,)
          %2 = constant 1.0                    float32 ()
          %3 = mul %0, %1                      float32 (2, 3)  test_printer.py:N
          %4 = add %3, %2                      float32 (2, 3)  test_printer.py:N
          %5 = sum %4 axes=(0,)                float32 (3,)  test_printer.py:N
          return %5
    """)


def test_states_gradients_layers_and_updates() -> None:
    model = rl.nn.Sequential(rl.nn.Linear(2, 1, bias=False), rl.nn.Tanh())
    count = rl.tensor(0)

    def step(x: rl.Tensor) -> rl.Tensor:
        loss = model(x).sum()
        loss.backward()
        count.assign(count + 1)
        return loss

    assert text_of(rl.trace(step, rl.ones(3, 2))) == golden("""
        graph step
          %0 = argument                        float32 (3, 2)
          %1 = state weight                    float32 (1, 2)
          %2 = state s1                        int64 ()
          %3 = constant 1.0                    float32 ()
          %4 = constant 1                      int64 ()
          # 0
          %5 = matmul_t %0, %1                 float32 (3, 1)  test_printer.py:N
          # 1
          %6 = tanh %5                         float32 (3, 1)  test_printer.py:N
          # outside of a module
          %7 = sum %6 axes=(0, 1)              float32 ()  test_printer.py:N
          %8 = broadcast_to %3 shape=(3, 1)    float32 (3, 1)  test_printer.py:N
          %9 = mul %6, %6                      float32 (3, 1)  test_printer.py:N
          %10 = sub %3, %9                     float32 (3, 1)  test_printer.py:N
          %11 = mul %8, %10                    float32 (3, 1)  test_printer.py:N
          %12 = permute %11 order=(1, 0)       float32 (1, 3)  test_printer.py:N
          %13 = matmul %12, %0                 float32 (1, 2)  test_printer.py:N
          %14 = add %2, %4                     int64 ()  test_printer.py:N
          return %7
          s1 <- %14
          weight.grad <- %13
    """)


def test_several_results_random_bits_and_casts() -> None:
    generator = rl.Generator(0)

    def draw() -> tuple[rl.Tensor, rl.Tensor]:
        bits = generator.bits((3,))
        return bits, bits.cast("float64")

    assert text_of(rl.trace(draw)) == golden("""
        graph draw
          %0 = state random                    uint32 (4,)
          %1, %2 = random_bits %0 shape=(3,)   uint32 (3,)  test_printer.py:N
          %3 = cast %1 source=uint32 dtype=float64 float64 (3,)  test_printer.py:N
          return %1, %3
          random <- %2
    """)


def test_a_cleared_gradient_is_none() -> None:
    w = rl.tensor([1.0], requires_grad=True)
    w.name = "w"
    w.grad = rl.tensor([2.0])

    def clear() -> rl.Tensor:
        held = w.grad * 2.0
        w.grad = None
        return held

    assert text_of(rl.trace(clear)) == golden("""
        graph clear
          %0 = gradient of w                   float32 (1,)
          %1 = constant 2.0                    float32 ()
          %2 = mul %0, %1                      float32 (1,)  test_printer.py:N
          return %2
          w.grad <- None
    """)


def test_a_large_constant_is_its_size_and_tensors_without_a_name_are_numbered() -> None:
    a, b = rl.ones(2), rl.ones(2)
    graph = rl.trace(lambda: a + b + rl.zeros(2))
    assert "constant <2 elements>" in str(graph)
    assert list(state_names(graph).values()) == ["s0", "s1"]


def test_the_text_of_a_graph_is_the_same_each_time() -> None:
    def step(x: rl.Tensor) -> rl.Tensor:
        return (x.softmax() * 2.0).sum()

    assert str(rl.trace(step, rl.ones(2, 3))) == str(rl.trace(step, rl.ones(2, 3)))


def test_states_of_one_name_are_told_apart_by_the_layer_that_reads_them() -> None:
    layer = rl.nn.Linear(2, 2, bias=False)
    model = rl.nn.Sequential(layer, rl.nn.Linear(2, 2), layer)
    names = state_names(rl.trace(model, rl.ones(1, 2)))
    assert list(names.values()) == ["0.weight", "1.weight", "bias"]


def test_states_of_one_name_outside_of_layers_are_numbered() -> None:
    tensors = [rl.ones(1) for _ in range(4)]
    for tensor, name in zip(tensors, ["w", "w", "w_1", ""], strict=True):
        tensor.name = name
    graph = rl.trace(lambda: tensors[0] + tensors[1] + tensors[2] + tensors[3])
    assert list(state_names(graph).values()) == ["w_0", "w_2", "w_1", "s3"]


def test_a_whole_step_names_each_state_once() -> None:
    model = rl.nn.Sequential(rl.nn.Linear(2, 2), rl.nn.BatchNorm(2), rl.nn.Linear(2, 2))
    optimizer = rl.optim.Adam(model.parameters(), lr=0.1)

    def step(x: rl.Tensor) -> None:
        optimizer.backward_step(model(x).tanh().sum())

    graph = rl.trace(step, rl.ones(3, 2))
    names = state_names(graph)
    assert len(set(names.values())) == len(names)
    assert names.keys() >= {id(x) for x, _ in (*graph.states, *graph.updates, *graph.grad_updates)}
    assert {"0.weight", "2.weight", "0.bias", "2.bias", "lr", "count"} <= set(names.values())
    assert "  0.weight <- %" in str(graph)
    assert "  2.bias.grad <- None" in str(graph)


def test_a_param_of_zero_is_shown_and_one_that_is_off_is_not() -> None:
    graph = rl.trace(lambda x: x.gather(0, [0]).argmax(0), rl.ones(2))
    assert "gather %0, %1 axis=0 " in str(graph)
    assert "argmax %2 axis=0 " in str(graph)


def test_a_constant_reads_as_its_dtype_has_it() -> None:
    graph = rl.trace(lambda x: x * 0.1, rl.ones(2))
    assert "constant 0.1 " in str(graph)


def test_a_name_cannot_send_commands_to_the_terminal():
    weight = rl.ones(2)
    weight.name = "evil\x1b[2J\nreturn"
    text = str(rl.trace(lambda x: x * weight, rl.ones(2)))
    assert "\x1b" not in text
    assert "evil\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}return" in text


def test_bodies_stand_below_their_nodes() -> None:
    w = rl.ones(3)

    def turn(h: rl.Tensor, x: rl.Tensor) -> tuple[rl.Tensor, rl.Tensor]:
        h = rl.cond(x[0] > 0.0, lambda h: h * w, lambda h: h, h)
        return h, rl.while_loop(lambda s: s < 9.0, lambda s: s + s, h[0])

    graph = rl.trace(lambda h, xs: rl.scan(turn, h, xs), rl.ones(3), rl.ones(4, 3))
    assert text_of(graph) == golden("""
        graph <lambda>
          %0 = argument                        float32 (3,)
          %1 = argument                        float32 (4, 3)
          %2 = state s0                        float32 (3,)
          %3, %4 = scan %0, %1, %2 carries=1 length=4 float32 (3,)  test_printer.py:N
            body turn
              %0 = argument                        float32 (3,)
              %1 = argument                        float32 (3,)
              %2 = state s0                        float32 (3,)
              %3 = constant 0.0                    float32 ()
              %4 = slice %1 start=(0,) count=(1,) step=(1,) float32 (1,)  test_printer.py:N
              %5 = reshape %4 shape=()             float32 ()  test_printer.py:N
              %6 = gt %5, %3                       bool ()  test_printer.py:N
              %7 = cond %6, %0, %2                 float32 (3,)  test_printer.py:N
                true branch
                  %0 = argument                        float32 (3,)
                  %1 = state s0                        float32 (3,)
                  %2 = mul %0, %1                      float32 (3,)  test_printer.py:N
                  return %2
                false branch
                  %0 = argument                        float32 (3,)
                  return %0
              %8 = slice %7 start=(0,) count=(1,) step=(1,) float32 (1,)  test_printer.py:N
              %9 = reshape %8 shape=()             float32 ()  test_printer.py:N
              %10 = while_loop %9                  float32 ()  test_printer.py:N
                condition condition
                  %0 = argument                        float32 ()
                  %1 = constant 9.0                    float32 ()
                  %2 = lt %0, %1                       bool ()  test_printer.py:N
                  return %2
                body while_loop
                  %0 = argument                        float32 ()
                  %1 = add %0, %0                      float32 ()  test_printer.py:N
                  return %1
              return %7, %10
          return %3, %4
    """)


def test_the_name_of_a_loaded_body_cannot_begin_a_line() -> None:
    graph = rl.trace(lambda x: rl.scan(lambda h, _: (h * x, None), x, length=2)[0], rl.ones(3))
    graph.nodes[0].params["body"].graph.name = "a\nb\x1b[2J"
    assert len(str(graph).splitlines()) == 9
