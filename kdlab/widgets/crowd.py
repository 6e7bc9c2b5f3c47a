"""CrowdPanel: add teachers who know little, one by one, and watch the crowd, its student and its agreement."""

from contextlib import closing
from dataclasses import replace

import traitlets as t

from kdlab.widgets.base import source
from kdlab.widgets.driver import FINISHED, READY, RUNNING, usual_torch
from kdlab.widgets.live import LivePanel

NAMES = {"teacher": "teacher {}", "pooled": "one network with the labels of {}", "student": "the student of {}"}
TOGETHER = ("probabilities", "logits", "votes")


class CrowdPanel(LivePanel):
    """Teachers with few labels each learn one after another; after each of them, a student of all so far.

    make_network  make_network(seed) -> a new network, for teachers and students alike
    labelled      (inputs, labels) from which teachers get their labels
    unlabelled    inputs on which students listen
    validation    (inputs, labels) that everything is measured on
    each          how many labels a teacher may have, for the control: whole numbers, each a multiple of the classes
    recipe        of teachers, and of students where `student_recipe` is left out

    `labels`, `own` (else all teachers have the labels of the first), `together` ("probabilities", "logits" or "votes")
    and `teachers` may change at any time: what is there already is kept, and what is missing is trained. `.curves` holds
    accuracies and shares, an entry for each number of teachers: "single", "crowd", "student", "pooled" (one network
    with all their labels), "agree" (share of images on which all say the same) and "right" (of those); `.networks` the teachers themselves.
    """

    _esm = source("common.js", "live.js", "crowd.js")
    _css = source("common.css", "live.css", "crowd.css")

    teachers = t.Int(10).tag(sync=True)
    labels = t.Int().tag(sync=True)
    own = t.Bool(True).tag(sync=True)
    together = t.Enum(list(TOGETHER), "probabilities").tag(sync=True)
    curves = t.Dict().tag(sync=True)
    learning = t.Unicode("").tag(sync=True)  # who learns at the moment
    _most = t.Int(10).tag(sync=True)
    _each = t.List().tag(sync=True)

    @usual_torch()
    def __init__(
        self, make_network, labelled, unlabelled, validation, *, recipe, student_recipe=None, each=(20, 50, 100, 200),
        most=10, seed=0, **state,
    ):  # fmt: skip
        each = [int(count) for count in each]
        if len(each) < 2 or sorted(set(each)) != each:
            raise ValueError(f"each must be two or more rising numbers of labels, not {each}")
        self._make, self._labelled, self._unlabelled, self._validation = make_network, labelled, unlabelled, validation
        self._recipes = {"teacher": recipe, "student": student_recipe or recipe}
        self._seed, self._known, self._learning = seed, {}, ""
        state = {"labels": each[len(each) // 2], "teachers": most} | state
        super().__init__(_each=each, _most=most, **state)
        self._dealt = {}
        self._deal(max(each))  # too few examples are told here, not in the run
        for name in ("teachers", "labels", "own", "together"):
            self.observe(lambda _: self._driver.request("controls"), name)
        self.show()

    @t.validate("teachers")
    def _check_teachers(self, proposal):
        if not 1 <= proposal["value"] <= self._most:
            raise t.TraitError(f"there are 1 to {self._most} teachers, not {proposal['value']}")
        return proposal["value"]

    @t.validate("labels")
    def _check_labels(self, proposal):
        if self._each and proposal["value"] not in self._each:
            raise t.TraitError(f"a teacher may have {', '.join(map(str, self._each))} labels, not {proposal['value']}")
        return proposal["value"]

    def _deal(self, labels):
        """Which labelled images each teacher has: (most, labels)."""
        import torch

        from kdlab.crowds import deal

        if labels not in self._dealt:
            truth = self._labelled[1]
            classes, generator = len(truth.unique()), torch.Generator().manual_seed(self._seed)
            if labels % classes:
                raise ValueError(f"{labels} labels cannot be shared out evenly among {classes} classes")
            self._dealt[labels] = deal(truth, self._most, labels // classes, generator)
        return self._dealt[labels]

    @property
    def networks(self):
        """The teachers that are there for the present controls."""
        rows = (self._known.get(("teacher", self.labels, self.own, k)) for k in range(self.teachers))
        return [row["network"] for row in rows if row is not None]

    # --- the run: whatever the controls ask for and is not there yet

    def begin(self):
        """Train what is missing for the present controls; when they move, for the new ones."""
        return self._records()

    def _controls(self):
        return self.teachers, self.labels, self.own, self.together

    def _records(self):
        done = False
        while not done:
            at, done = self._controls(), True
            with closing(self._missing(*at)) as records:
                for record in records:
                    yield record
                    if self._controls() != at:
                        done = False
                        break

    def _missing(self, teachers, labels, own, together):
        for k in range(teachers):
            dealt = self._deal(labels)
            places = {"teacher": dealt[k if own else 0], "pooled": dealt[: k + 1].flatten() if own else dealt[0]}
            for who, rows in places.items():
                key = who, labels, own, k
                if key not in self._known:
                    yield from self._learn(key, "teacher", self._labelled[0][rows], self._labelled[1][rows], None)
            key = "student", labels, own, together, k
            if key not in self._known:
                heard = [self._known["teacher", labels, own, i]["heard"] for i in range(k + 1)]
                yield from self._learn(key, "student", self._unlabelled, *self._targets(heard, together))

    def _targets(self, heard, together):
        """(labels, teacher logits or None) for the student of teachers that said this of the unlabelled images."""
        import torch

        from kdlab.crowds import crowd_logits, votes

        heard = torch.stack(heard)
        if together == "votes":
            return votes(heard).argmax(-1), None
        return heard[0].argmax(-1), crowd_logits(heard, together)

    def _learn(self, key, role, inputs, labels, logits):
        """Train one network, a record a step, and keep what it says of the images that are needed later."""
        from kdlab.metrics import accuracy
        from kdlab.teachers import predict_logits
        from kdlab.training import train

        number = key[-1]
        network = self._make(self._seed if role == "student" or key[0] == "pooled" else 100 + 10 * self._seed + number)
        recipe = replace(self._recipes[role], seed=self._seed + number, temperature=1.0, alpha=0.0, changes={})
        with closing(train(network, inputs, labels, logits, recipe=recipe)) as run:
            for record in run:
                self._learning = f"{NAMES[key[0]].format(number + 1)} learns, step {record['step'] + 1}"
                yield record
        self._learning = ""
        said = predict_logits(network, self._validation[0])
        self._known[key] = {"accuracy": accuracy(said, self._validation[1]), "said": said, "network": network}
        if key[0] == "teacher":
            self._known[key]["heard"] = predict_logits(network, self._unlabelled)

    def on_request(self, name, value):
        """A control has moved: show what is there, and train what is missing once there has been a first run."""
        self.show()
        if self._known and self.state != READY and not self._driver.busy:
            self._driver.request("start")
        elif self.state == FINISHED:
            self._driver.request("start")

    def on_reset(self):
        """Reset forgets everything that was trained."""
        self._known = {}

    def on_state(self, state, message):
        """Nobody is learning where nothing runs."""
        if state != RUNNING:
            self._learning = ""
        super().on_state(state, message)

    # --- pictures

    def flush(self):
        """The curves of what is there for the present controls."""
        self.curves, self.learning = self._measured(), self._learning
        self.done, self.steps = len(self.curves["student"]), self.teachers

    def _measured(self):
        import torch

        from kdlab.crowds import crowd_logits, votes
        from kdlab.metrics import accuracy

        truth = self._validation[1]
        found = {name: [] for name in ("single", "crowd", "student", "pooled", "agree", "right")}
        said = []
        for k in range(self.teachers):
            teacher = self._known.get(("teacher", self.labels, self.own, k))
            if teacher is None:
                break
            said.append(teacher["said"])
            all_of_them = torch.stack(said)
            mixed = votes(all_of_them) if self.together == "votes" else crowd_logits(all_of_them, self.together)
            choices = all_of_them.argmax(-1)
            agree = (choices == choices[0]).all(0)
            found["single"].append(teacher["accuracy"])
            found["crowd"].append(accuracy(mixed, truth))
            found["agree"].append(float(agree.float().mean()))
            found["right"].append(float((choices[0] == truth)[agree].float().mean()) if agree.any() else 0.0)
            for name, key in (("pooled", ()), ("student", (self.together,))):
                other = self._known.get((name, self.labels, self.own, *key, k))
                if other is not None and len(found[name]) == k:
                    found[name].append(other["accuracy"])
        return {name: [round(value, 4) for value in values] for name, values in found.items()}

    def figure(self):
        """Accuracies and agreement against the number of teachers."""
        from kdlab import plots

        return plots.crowd_panel(self.curves, most=self._most, labels=self.labels, own=self.own, together=self.together)
