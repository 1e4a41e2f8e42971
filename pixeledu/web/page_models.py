"""The models that a page can run: which there are, what they are called, and their exports."""

from collections.abc import Mapping
from functools import lru_cache

from pixeledu.checkpoints import read_info
from pixeledu.checks import whole_number
from pixeledu.data import class_names
from pixeledu.pretrained import list_pretrained, load_pretrained, pretrained_card, pretrained_file
from pixeledu.web.export import export_model, read_export_info
from pixeledu.web.kinds import KINDS

LARGEST = 100_000  # bytes of a model on the site
# Every kind of model is there in grey levels, and each more weighs on the page: these stay out of
# the usual list, and can be named.
_NAMED_ONLY = ("binarized-mnist",)
_DATA = {
    "digits": "digits",
    "mnist": "MNIST",
    "binarized-mnist": "binarised MNIST",
    "cifar10": "CIFAR-10",
    "emoji": "emoji",
    "patches": "patches",
}
# What tells a model from another one of the same kind and image set, as its name and its title say it.
_MORE = {
    "class": "classes",
    "independent": "independent",
    "smaller": "small",
    "multi-scale": "guided",
}


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
    """Return the names of the models that a page lists by itself, the large images first."""
    names = [name for name in list_pretrained() if _is_listed(name)]
    return sorted(names, key=lambda name: (-_size_of(name)[0], _order_of(name), name))


def _is_listed(name: str) -> bool:
    card = pretrained_card(name)
    if card["data"]["name"] in _NAMED_ONLY or card["config"].get("guide"):
        return False  # who names a model that has a guide brings guides as well
    # A quarter of the weights' bytes and a little: no need to pack a large one to know.
    return card["weights"] <= LARGEST and len(page_export(name)) <= LARGEST


def _order_of(name: str) -> int:
    return list(KINDS).index(pretrained_card(name)["config"]["model"])


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
    if isinstance(models, str) or not models:
        raise ValueError(f"models must be a list of names or a dict of models, got {models!r}")
    found = []
    for name in models:
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


def _checked_names(names, count: int, model: str) -> list[str]:
    """The names of a model's classes; their numbers where they have none."""
    names = [str(label) for label in range(count)] if names is None else names
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"classes must be a list of names, got {names!r}")
    if len(names) != count:
        raise ValueError(
            f"classes must name the {count} classes of {model!r}, got {len(names)} names"
        )
    return list(names)


def _checked_size(size, longest: int) -> None:
    if not isinstance(size, tuple | list) or len(size) != 2:
        raise ValueError(f"size must be (height, width), got {size!r}")
    for name, value in zip(("height", "width"), size, strict=True):
        if whole_number(name, value) > longest:
            raise ValueError(f"{name} must be at most {longest}, got {value}")


def _title_of(name: str, size: tuple[int, int]) -> str:
    card = pretrained_card(name)
    data, more = _DATA[card["data"]["name"]], [text for text in _MORE if f"-{text}" in name]
    what = f"{KINDS[card['config']['model']]['title']}, {data} {size[0]}×{size[1]}"
    return ", ".join([what, *(_MORE[text] for text in more)])
