"""The models that a page can run: which there are, what they are called, and their exports."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from torch import nn

from pixeledu.checkpoints import read_info
from pixeledu.checks import said, whole_number, wrong
from pixeledu.data import class_names
from pixeledu.names import hint_at
from pixeledu.pretrained import list_pretrained, load_pretrained, pretrained_card, pretrained_file
from pixeledu.web.export import export_model, read_export_info
from pixeledu.web.kinds import KINDS

LARGEST = 100_000  # bytes of a model on the site
# Every kind of model is there in grey levels, and one that knows classes; each more weighs on the
# page: the models of these sets and these models stay out of the usual list, and can be named.
_NAMED_ONLY = ("binarized-mnist", "emoji", "mnist16-class-gated-pixelcnn")
_DATA = {
    "digits": "digits",
    "mnist": "MNIST",
    "binarized-mnist": "binarised MNIST",
    "cifar10": "CIFAR-10",
    "emoji": "emoji",
    "patches": "patches",
}
# What tells a model from another one of the same kind and image set, in its name and in its title.
_MORE = {"class": "classes", "independent": "independent"}


@lru_cache(maxsize=32)
def page_export(name: str) -> bytes:
    """Pack a model that ships, as the pages have it.

    Args:
        name: one of `pixeledu.list_pretrained()`.
    Returns:
        The export; see `pixeledu.web.export`.
    Raises:
        ValueError: there is no such model.
    """
    return export_model(load_pretrained(name), size=read_info(pretrained_file(name)).get("size"))


def page_models() -> list[str]:
    """Return the names of the models that a page lists by itself, the large images first.

    Of one size those that know no classes come first.
    """
    names = [name for name in list_pretrained() if _is_listed(name)]
    return sorted(names, key=lambda name: (-_size_of(name)[0], _order_of(name), name))


def _is_listed(name: str) -> bool:
    card = pretrained_card(name)
    if {name, card["data"]["name"]} & {*_NAMED_ONLY} or card["config"].get("guide"):
        return False  # who names a model that has a guide brings guides as well
    # A quarter of the weights' bytes and a little: no need to pack a large one to know.
    return card["weights"] <= LARGEST and len(page_export(name)) <= LARGEST


def _order_of(name: str) -> tuple[bool, int]:
    config = pretrained_card(name)["config"]
    return "classes" in config, list(KINDS).index(config["model"])


def _size_of(name: str) -> tuple[int, int]:
    return tuple(read_info(pretrained_file(name))["size"])


def models_for_page(models, size, longest: int, classes=None) -> list[tuple[dict, bytes]]:
    """What a page can choose from, each with its export.

    A description has "name", "title", "height", "width", "channels" and "levels", "classes", the
    name of each, where the model knows some, and "guide" where it draws from a smaller picture, and
    how many times smaller that is.
    """
    if size is not None:
        _checked_size(size, longest)
    if models is None:
        models = page_models()
    if not isinstance(models, Sequence | Mapping) or isinstance(models, str | bytes) or not models:
        raise wrong("models", "be a list of names or a dict of models", models)
    found = []
    for name in models:
        _check_entry(name, models)
        if isinstance(models, Mapping):
            if size is None:
                raise ValueError("size must be given for models of your own, such as size=(8, 8)")
            title, content, its_size, names = name, export_model(models[name]), size, classes
        else:
            content, its_size = page_export(name), size or _size_of(name)
            title = _title_of(name, its_size)
            names = classes or class_names(pretrained_card(name)["data"]["name"])
        height, width = its_size
        config = read_export_info(content)["config"]
        description = {"name": name, "title": title, "height": height, "width": width}
        description |= {key: config[key] for key in ("channels", "levels")}
        if config.get("classes") is not None:
            description["classes"] = _checked_names(names, config["classes"], name)
        if (factor := config.get("guide")) is not None:
            if height % factor or width % factor:
                raise ValueError(
                    f"size must be a multiple of {factor} for {name!r}, which draws from a picture "
                    f"{factor} times smaller, got {(height, width)}"
                )
            description["guide"] = factor
        found.append((description, content))
    return found


def _check_entry(name, models) -> None:
    if isinstance(models, Mapping) and not isinstance(models[name], nn.Module):
        raise wrong("models", "hold a model under each title", models[name])
    if not isinstance(name, str):
        raise wrong("models", "hold texts, the names of models", name)
    known = list_pretrained()
    if not isinstance(models, Mapping) and name not in known:
        names, hint = ", ".join(known), hint_at(known, name)
        raise ValueError(f"models must hold names out of {names}, got {said(name)}{hint}")


def _checked_names(names, count: int, model: str) -> list[str]:
    """The names of a model's classes; their numbers where they have none."""
    names = [str(label) for label in range(count)] if names is None else names
    listed = isinstance(names, list | tuple)
    if not listed or not all(isinstance(name, str) for name in names):
        raise wrong("classes", "be a list of names", names)
    if len(names) != count:
        raise ValueError(
            f"classes must name the {count} classes of {model!r}, got {len(names)} names"
        )
    return list(names)


def _checked_size(size, longest: int) -> None:
    if not isinstance(size, tuple | list) or len(size) != 2:
        raise wrong("size", "be (height, width)", size)
    for name, value in zip(("height", "width"), size, strict=True):
        if whole_number(f"size: {name}", value) > longest:
            raise ValueError(f"size: {name} must be at most {longest}, got {value}")


def _title_of(name: str, size: tuple[int, int]) -> str:
    card = pretrained_card(name)
    config, data = card["config"], _DATA[card["data"]["name"]]
    what = [f"{KINDS[config['model']]['title']}, {data} {size[0]}×{size[1]}"]
    what += [more for word, more in _MORE.items() if f"-{word}" in name]
    if factor := config.get("guide"):
        what.append(f"from {size[0] // factor}×{size[1] // factor}")
    return ", ".join(what)
