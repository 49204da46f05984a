"""A page's settings, in the session and in the address: what a link says is checked, and what is on screen can be shared.

For pages whose settings are plain options (`replearn_core.options`). No link starts work.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import streamlit as st
from pydantic_core import PydanticCustomError

from pages.ui import address_bar, session
from pages.ui.teaching import locks, teach
from pages.ui.text import has, problem, t
from replearn_core.catalog import Knob
from replearn_core.experiment import RUN_ID_PATTERN, Problem
from replearn_core.options import Choice, Option, checked

Values = Mapping[str, float | str]


class Address:
    """The settings of one page. name: of its session keys and of its text keys `<name>.knob.<setting>`.

    options_of: gives the options of a part by name, defaults in them; of a page without parts those of "". parts: their names;
    the setting `part` is the one on screen. shared: (part, other part) → names of settings that stay on the way from the one to
    the other, None = all that both have. A page about a run has the setting `run` too, "" for the usual.
    """

    def __init__(
        self,
        name: str,
        options_of: Callable[[str], Mapping[str, Option]],
        *,
        parts: Sequence[str] = (),
        shared: Callable[[str, str], Collection[str] | None] = lambda part, other: None,
        about_run: bool = False,
    ):
        self.name, self._options_of, self._about_run = name, options_of, about_run
        self._parts, self._shared = tuple(parts), shared

    # ---- parts ----

    def part(self) -> str:
        """The part on screen; "" for a page without parts."""
        found = session.get(f"{self.name}.turned", {}).get("part")
        return found if found in self._parts else self._parts[0] if self._parts else ""

    def show(self, part: str) -> None:
        """Another part. What is shared stays where it is possible there too; all else goes back to its default."""
        if part not in self._parts:
            return
        options, names = self._options_of(part), self._shared(self.part(), part)
        turned = {name: value for name, value in self._stored().items() if names is None or name in names}
        kept = {name: value for name, value in turned.items() if name in options and self._fits(options[name], value)}
        session.put(f"{self.name}.turned", kept | self._at(part))
        session.put(f"{self.name}.problems", ())

    def usual(self) -> None:
        """All knobs of the part on screen back to their defaults."""
        session.put(f"{self.name}.turned", self._at(self.part()))

    def settings(self) -> dict[str, float | str]:
        """Every setting of the part on screen."""
        values = self.values
        return {name: values[name] for name in self._options_of(self.part())}

    def _at(self, part: str) -> dict[str, float | str]:
        return {"part": part} if self._parts and part != self._parts[0] else {}

    def _fits(self, option: Option, value: float | str) -> bool:
        try:
            return checked(option, value) == value
        except PydanticCustomError:
            return False

    def _options(self) -> dict[str, Option]:
        own: dict[str, Option] = {"part": Choice("part", self._parts, self._parts[0])} if self._parts else {}
        return own | dict(self._options_of(self.part()))

    # ---- all settings ----

    @property
    def values(self) -> dict[str, float | str]:
        """Every setting as it stands."""
        usual: dict[str, float | str] = {name: option.default for name, option in self._options().items()}
        turned = self._turned()
        if (seed := locks.seed()) is not None:  # the teacher's, or this student's own
            turned |= {name: float(seed) for name in teach.SEEDS if name in usual}
        return usual | ({"run": ""} if self._about_run else {}) | turned

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What was wrong with the link that was opened, or with the last setting."""
        return session.get(f"{self.name}.problems", ())

    def take(self, name: str, value: Any) -> None:
        """The visitor turned a knob. A value that no widget could offer is refused and told."""
        if name not in self.values:
            return  # a knob's last word came after the visitor had gone to another part
        problems: list[Problem] = []
        if (refused := locks.refusal(name, self.label(name))) is not None:
            problems.append(refused)
        elif (found := self._checked(name, value, problems)) is not None:
            self._keep({**self._turned(), name: found})
        session.put(f"{self.name}.problems", tuple(problems))

    def follow(self) -> None:
        """Take over what the address says, once per address."""
        query = address_bar.own()
        address = repr(sorted(query.items()))
        known = session.get(f"{self.name}.turned") is not None
        if known and (address == session.get(f"{self.name}.query") or not query):
            return
        session.put(f"{self.name}.query", address)
        if self._parts and query and (asked := query.get("part", self._parts[:1])[-1]) in self._parts:
            self._keep({"part": asked})  # before anything is checked: the options are those of this part
        found: dict[str, float | str] = {}
        problems: list[Problem] = []
        for name, given in query.items():
            if name not in self.values:
                problems.append(Problem("problem.unknown_field", name[:40], {"setting": name[:40]}))
            elif len(given) != 1:
                problems.append(Problem("problem.repeated", name, {"setting": self.label(name)}))
            elif (value := self._checked(name, given[0], problems)) is not None:
                found[name] = value
        self._keep(found)
        session.put(f"{self.name}.held", found)
        session.put(f"{self.name}.problems", tuple(problems))

    def write(self) -> None:
        """Put what is on screen into the address; no rerun follows from it."""
        query = {name: value if isinstance(value, str) else f"{value:.10g}" for name, value in self._turned().items()}
        session.put(f"{self.name}.query", repr(sorted((key, [value]) for key, value in query.items())))
        address_bar.write(query)

    def label(self, name: str) -> str:
        """A setting as its knob is labelled."""
        key = f"{self.name}.knob.{name}"
        return t(key) if has(key) else name

    def slider(self, name: str, **own: Any) -> None:
        """The knob of a number."""
        if locks.hidden(name):
            return
        option = self._options()[name]
        assert isinstance(option, Knob)
        whole = int if option.integer else float
        bounds: dict[str, Any] = {"min_value": whole(option.low), "max_value": whole(option.high)}
        st.slider(self.label(name), **self.bound(name, whole(self.values[name])), **bounds, **own)

    def exponent(self, name: str, stops: tuple[float, ...], shown: Callable[[float], str]) -> None:
        """The knob of a number that spans powers of ten: it moves along the stops."""
        if locks.hidden(name):
            return
        nearest = min(stops, key=lambda one: abs(one - float(self.values[name])))
        st.select_slider(self.label(name), stops, format_func=shown, **self.bound(name, nearest))

    def choice(self, name: str, option: Choice, labels: Mapping[str, str]) -> None:
        """The knob of one option out of a few. labels: their words."""
        if locks.hidden(name):
            return
        bound = self.bound(name, self.values[name])
        st.selectbox(self.label(name), option.values, format_func=lambda one: labels.get(one, str(one)), **bound)

    def choose_part(self) -> None:
        """Which part of the page is on screen, and what of a link or a knob could not be used."""
        key = f"{self.name}.knob.part"
        st.session_state[key] = self.part()
        labels = {name: t(f"{self.name}.part.{name}") for name in self._parts}
        st.segmented_control(
            t(f"{self.name}.choose_part"),
            self._parts,
            format_func=lambda name: labels.get(name, str(name)),
            key=key,
            required=True,
            label_visibility="collapsed",
            disabled=locks.locked("part"),
            on_change=lambda: None if locks.locked("part") else self.show(session.get(key)),
        )
        locks.hint("part")
        if self.problems:
            with st.container(border=True, key=f"{self.name}_notices"):
                st.markdown(f":material/info: **{t('controls.notices')}**")
                for one in self.problems[:6]:
                    st.text(problem(one))

    def bound(self, name: str, shown: Any, *, key: str = "", read: Callable[[Any], Any] = lambda value: value) -> dict[str, Any]:
        """How any widget of a setting is drawn: its key, what it shows, what a press does, its help, and whether it moves, since
        a teacher's link may lock it. A hidden setting is the caller's to leave out. key: where a setting has several widgets.
        read: from the widget's value to the setting's."""
        key = key or f"{self.name}.knob.{name}"
        st.session_state[key] = shown
        turned: dict[str, Any] = {"key": key, "on_change": lambda: self.take(name, read(session.get(key)))}
        return turned | locks.drawn(name, self._help(name))

    def _help(self, name: str) -> str | None:
        key = f"{self.name}.help.{name}"
        return t(key) if has(key) else None

    def _turned(self) -> dict[str, float | str]:
        """What is not at its default. A locked setting is as the link said, whichever way the page came to what it shows."""
        known, held = {*self._options(), "run"}, session.get(f"{self.name}.held", {})
        locked = {name: value for name, value in held.items() if name in known and name != "part" and locks.locked(name)}
        return self._stored() | locked

    def _stored(self) -> dict[str, float | str]:
        return dict(session.get(f"{self.name}.turned", {}))

    def _keep(self, values: Values) -> None:
        usual = {name: option.default for name, option in self._options().items()} | {"run": ""}
        session.put(f"{self.name}.turned", {name: value for name, value in values.items() if value != usual.get(name)})

    def _checked(self, name: str, value: Any, problems: list[Problem]) -> float | str | None:
        if name == "run" and self._about_run:
            if re.fullmatch(RUN_ID_PATTERN, str(value)):
                return str(value)
            problems.append(Problem("problem.bad_value", "run", {"setting": self.label("run"), "value": str(value)[:40]}))
            return None
        option = self._options()[name]
        try:
            if isinstance(option, Knob) and isinstance(value, str):
                value = float(value)
            return checked(option, value)
        except (ValueError, PydanticCustomError) as error:
            numbers = dict(getattr(error, "context", None) or {"value": str(value)[:40]})
            key = getattr(error, "type", "problem.bad_value") if numbers.get("setting") else "problem.bad_value"
            problems.append(Problem(key, name, numbers | {"setting": self.label(name)}))
            return None
