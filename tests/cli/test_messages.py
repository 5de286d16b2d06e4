"""One clear line out of the parser's many; the texts are the parser's own."""

from __future__ import annotations

import pytest

from lit_curriculum.callbacks import SwapTeacher
from lit_curriculum.cli.messages import one_line
from lit_curriculum.distillation import Kappa
from lit_curriculum.experiments.sparse_parity import SparseParityData, SparseParityMLP

CLASSES = [SparseParityMLP, SparseParityData, SwapTeacher, Kappa]
TOP = ["model", "data", "trainer", "run_dir"]
MODEL = "lit_curriculum.experiments.sparse_parity.SparseParityMLP"


def model_error(*lines: str) -> str:
    """Return the parser's message about ``model`` with these lines inside."""
    inner = "".join(f"{line}\n" for line in lines)
    return (
        'Parser key "model":\n'
        "  Does not validate against any of the Union subtypes\n"
        "  Subtypes: [<class 'lit_curriculum.training.base.CurriculumModule'>, <class 'NoneType'>]\n"
        f"  Errors:\n{inner}"
        "    - Expected a <class 'NoneType'>\n"
        "  Given value type: <class 'jsonargparse._util.NestedArg'>\n"
        "  Given value: NestedArg(key='x', val='3')"
    )


def condensed(text: str) -> str:
    line = one_line(text, CLASSES, TOP)
    assert "\n" not in line
    return line


def test_a_misspelt_argument_gets_the_nearest_and_all_allowed():
    text = model_error(
        f"    - Problem with given class_path '{MODEL}':",
        "        Option 'widht' is not accepted",
    )
    line = condensed(text)
    start = "model.widht: unknown key (did you mean 'width'?); allowed for SparseParityMLP: "
    assert line.startswith(start)
    allowed = line.removeprefix(start).split(", ")
    assert {"d", "width", "lr", "model_seed", "backend"} <= set(allowed)
    assert "self" not in allowed
    assert len(allowed) == len(set(allowed))


def test_arguments_that_a_class_passes_on_to_its_base_are_allowed_too():
    text = model_error(
        "    - Problem with given class_path 'lit_curriculum.experiments.sparse_parity.SparseParityData':",
        "        Option 'data_sed' is not accepted",
    ).replace('"model"', '"data"')
    line = condensed(text)
    assert line.startswith(
        "data.data_sed: unknown key (did you mean 'data_seed'?); allowed for SparseParityData: "
    )
    assert {"k", "support", "batch_size", "data_seed"} <= set(line.rsplit(": ", 1)[1].split(", "))


def test_a_misspelt_argument_that_resembles_none_gets_no_suggestion():
    text = model_error(
        f"    - Problem with given class_path '{MODEL}':",
        "        Option 'zzzzzz' is not accepted",
    )
    assert condensed(text).startswith("model.zzzzzz: unknown key; allowed for SparseParityMLP: ")


def test_a_misspelt_argument_of_an_unknown_class_is_still_named():
    text = model_error(
        "    - Problem with given class_path 'elsewhere.Thing':",
        "        Option 'widht' is not accepted",
    )
    assert condensed(text) == "model.widht: unknown key"


@pytest.mark.parametrize(
    ("expected", "plain"),
    [("<class 'int'>", "int"), ("<class 'float'>", "float"), ("<class 'pathlib.Path'>", "Path")],
)
def test_a_wrong_type_names_key_value_and_type(expected, plain):
    text = model_error(
        f"    - Problem with given class_path '{MODEL}':",
        '        Parser key "width":',
        f"          Expected a {expected}. Got value: abc",
    )
    assert condensed(text) == f"model.width: got 'abc'; allowed: {plain}"


def test_a_misspelt_class_gets_the_nearest():
    text = model_error("    - Expected a dot import path string: SparseParityMPL")
    assert condensed(text) == (
        "model: got 'SparseParityMPL'; allowed: the name of a class (did you mean 'SparseParityMLP'?)"
    )


def test_a_wrong_value_inside_a_callback_is_named_by_its_path():
    text = (
        'Parser key "trainer.callbacks":\n\n'
        "  - Expected a path but {class_path: SwapTeacher, init_args: {bank: x, tau: hi}} either not "
        "accessible or invalid\n"
        "  - Does not validate against any of the Union subtypes\n"
        "  Subtypes: [list[lightning.pytorch.callbacks.callback.Callback], <class 'NoneType'>]\n"
        "  Errors:\n"
        "    - Problem with given class_path 'lit_curriculum.callbacks.SwapTeacher':\n"
        '        Parser key "tau":\n'
        "          Expected a <class 'float'>. Got value: hi\n"
        "    - Expected a <class 'NoneType'>\n"
    )
    assert condensed(text) == "trainer.callbacks.tau: got 'hi'; allowed: float"


def test_a_misspelt_strategy_gets_the_nearest():
    text = (
        'Parser key "trainer.callbacks":\n'
        "  Errors:\n"
        "    - Problem with given class_path 'lit_curriculum.callbacks.SwapTeacher':\n"
        '        Parser key "strategy":\n'
        "          Expected a dot import path string: Kapa\n"
    )
    assert condensed(text) == (
        "trainer.callbacks.strategy: got 'Kapa'; allowed: the name of a class (did you mean 'Kappa'?)"
    )


def test_a_misspelt_class_inside_one_that_could_also_be_a_text_gets_the_nearest():
    text = (
        "Parser key \"trainer.callbacks\":\n  Errors:\n    - Problem with given class_path 'SwapTeacher':\n"
        '        Parser key "bank":\n          Does not validate against any of the Union subtypes\n'
        "          Errors:\n            - Expected a <class 'str'>\n"
        "            - Problem with given class_path 'LiveTeacher':\n"
        '                Parser key "model":\n'
        "                  Expected a dot import path string: SparseParityMPL\n"
        "          Given value type: <class 'dict'>\n          Given value: {'class_path': 'LiveTeacher'}\n"
    )
    expected = "trainer.callbacks.bank.model: got 'SparseParityMPL'; allowed: the name of a class"
    assert condensed(text) == f"{expected} (did you mean 'SparseParityMLP'?)"


def test_a_line_of_ours_among_the_types_is_what_is_told():
    text = (
        "Does not validate against any of the Union subtypes\nErrors:\n  - Expected a <class 'str'>\n"
        "  - data.eval_every: got 1000; allowed: a divisor of num_steps = 50\n"
        "Given value type: <class 'jsonargparse._namespace.Namespace'>\n"
        "Given value: Namespace(class_path='lit_curriculum.callbacks.LiveTeacher', init_args=Namespace())\n"
    )
    assert condensed(text) == "LiveTeacher: data.eval_every: got 1000; allowed: a divisor of num_steps = 50"


def test_a_misspelt_key_outside_of_classes_gets_the_nearest():
    assert condensed("Parser does not accept key 'modle'") == (
        "modle: unknown key (did you mean 'model'?); allowed: model, data, trainer, run_dir"
    )


def test_a_missing_value_is_named():
    text = model_error(
        f"    - Problem with given class_path '{MODEL}':",
        '        Key "d" is required but not included in config object or its value is None.',
    )
    assert condensed(text) == "d: missing; it has no default"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("unrecognized arguments:\n  --x=3", "unrecognized arguments: --x=3"),
        ("Something else\n\n   went   wrong\n", "Something else went wrong"),
    ],
)
def test_any_other_message_is_joined_into_one_line(text, line):
    assert condensed(text) == line
