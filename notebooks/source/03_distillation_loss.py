# %% [markdown]
# # 03 · The distillation loss
#
# *A student who listens to two voices: a label that says one word, and a teacher who explains.*
#
# | | |
# |---|---|
# | **Time** | 85 minutes alone, 58 in class (skip exercises 3.3, 3.5 and 3.6) |
# | **Builds on** | lessons [01](01_softmax_and_temperature.ipynb) and [02](02_kl_divergence.ipynb) |
#
# **After this lesson you can**
#
# - write the distillation loss in four lines, and say what each of its parts is for,
# - predict, class by class, which way it pushes a student,
# - explain the factor $T^2$, what it keeps and what it does not, and name the case in which it hardly matters,
# - recognise logit matching and label smoothing as the same loss in disguise,
# - repair a published version of it, and prove that it was broken.

# %%
import types
import warnings
from itertools import product

import torch
import torch.nn as nn
import torch.nn.functional as F

import kdlab
from kdlab import data, models, plots, teachers, training, widgets
from kdlab.exercises import distillation_loss as lesson
from kdlab.losses import entropy, kl_divergence, soft_targets

kdlab.setup()
mnist = data.load_mnist()
teacher = teachers.load_mnist_teacher()

# %% [markdown]
# ## 1 · Two voices
#
# Here is the 3 of lesson 01 again, the one that leans like a 5. A student who is to learn from it can listen to two
# voices. The **label** says one word: three. The **teacher** says: three, but look how it leans.

# %%
image, label = mnist.test_images[2618], torch.tensor(int(mnist.test_labels[2618]))
teacher_logits = teacher(models.to_inputs(image))

plots.two_voices(image, int(label), soft_targets(teacher_logits, 8.0), 8)

# %% [markdown]
# > **Predict.** Where do the two voices agree? About which classes do they ask for different things?
#
# <details><summary>Answer</summary>
#
# Both want the 3 on top. They part over the others: the label puts all nine at zero and calls them equally wrong, the
# teacher has an order among them.
# </details>
#
# Each voice alone has a weakness. The label is (nearly always) right, but poor. The teacher is rich, but can err. So the
# student listens to both.
#
# ## 2 · One loss for both
#
# Listening to the **label** is ordinary training: cross-entropy at $T = 1$. It is called the **hard** term. Listening
# to the **teacher** is the KL divergence of lesson 02 between two *softened* distributions, the teacher's $p_T$ and
# the student's own $q_T$. It is called the **soft** term. Our student is fresh: nobody has taught it anything.

# %%
student = models.MLP(784, 300, 300, 10, seed=0)
student_logits = student(models.to_inputs(image)).detach()
T = 8.0

hard = F.cross_entropy(student_logits, label)
soft = F.kl_div(F.log_softmax(student_logits / T, dim=-1), soft_targets(teacher_logits, T), reduction="sum")
print("a student who knows nothing pays about ln 10 to the label:", bool((hard - 2.303).abs() < 0.5))
print("a student who agreed would pay the teacher nothing:", bool(kl_divergence(teacher_logits, teacher_logits) == 0))

shown = [2618, 115, 340, 582, 1393]
widgets.DiagramPanel(student, teacher, mnist.test_images[shown], mnist.test_labels[shown])

# %% [markdown]
# The **distillation loss** of Hinton, Vinyals and Dean (2015) is a weighted sum of the two:
#
# $$L = \alpha \, \mathrm{CE}(\text{labels},\, q_1) \;+\; (1 - \alpha)\, T^2 \, \mathrm{KL}(p_T \,\|\, q_T)$$
#
# Three details are easy to get wrong. $\alpha$ weighs the *label*; the paper gives it the considerably smaller weight.
# The hard term sees the student at $T = 1$, because that is how it will be used. And the soft term is multiplied by
# $T^2$, for a reason that section 4 makes visible.
#
# The panel above is this loss as a picture, and its underlined words show what they speak of.
#
# > **Predict.** Which of the two losses changes when you move $T$? Which arrow is left at α = 1, and which at α = 0? Then
# > move the sliders.
#
# <details><summary>What happened</summary>
#
# Only the soft loss changes with $T$: the hard one meets the student at $T = 1$, whatever the bars show. At α = 1 the label's
# arrow alone is left, and that is ordinary training; at α = 0 the teacher's alone. In between the widths are the *weights* of
# the two gradients. How long each gradient is by itself is another matter, and section 4 comes to it.
#
# No arrow leads into the teacher at any setting. Its answer is a target: were it allowed to move, it would come to meet the
# student, and the loss would fall while nobody learned to read digits.
# </details>
#
# ### ✎ Exercise 3.1 · The distillation loss  (10 minutes, medium)
#
# Write it for a batch: logits are (batch, classes), labels (batch,). The student must learn from the teacher, and
# never the teacher from the student.


# %%
def distillation_loss(student_logits, teacher_logits, labels, *, temperature, alpha):
    """alpha · CE(labels, student) + (1 - alpha) · T² · KL(teacher_T || student_T), one number for the batch."""
    ...


lesson.distillation_loss.check(distillation_loss)
# lesson.distillation_loss.hint()
# lesson.distillation_loss.solution()

# %% [markdown]
# <details><summary>My loss is negative, or <code>nan</code></summary>
#
# `F.kl_div(input, target)` wants *log*-probabilities of the student first, and plain probabilities of the teacher
# second. Probabilities first make it negative. A logarithm as target makes it `nan`, unless you say `log_target=True`.
# </details>
#
# <details><summary>My loss is too small by a factor that looks like the number of classes</summary>
#
# `F.kl_div` divides by batch *and* classes unless you say `reduction="batchmean"`. Section 8 shows a published
# example.
# </details>
#
# From here on the lesson uses kdlab's own `distillation_loss`.
#
# ## 3 · What each voice asks of each logit
#
# A loss is one number. What a student *feels* is its gradient: for each of the ten logits, up or down, and how much.
#
# > **Predict.** The label says 3. Which logits does the hard term push down, and are they all pushed alike?
#
# Below, $q$ is what the student says, and $y$ what the label says: 1 at the 3, 0 elsewhere.

# %%
from kdlab.losses import distillation_loss

z = student_logits.clone().requires_grad_()
(hard_gradient,) = torch.autograd.grad(F.cross_entropy(z, label), z)

y = F.one_hot(label, 10)
print("gradient of the hard term is q - y:", torch.allclose(hard_gradient, soft_targets(student_logits) - y, atol=1e-6))

# %% [markdown]
# The gradient on logit $i$ is $q_i - y_i$: *what you said, minus what you should have said*. So every wrong class is
# pushed down by exactly the probability that the student wastes on it. The label has no opinion of its own about them.
#
# ### ✎ Exercise 3.2 · What the teacher asks of each logit  (10 minutes, medium)
#
# Now the soft term, for the moment without $T^2$. Write the gradient of $\mathrm{KL}(p_T \| q_T)$ on the student's
# logits, as a formula and not with autograd. It looks much like the one above. Mind how $z$ enters the softmax.


# %%
def soft_term_gradient(student_logits, teacher_logits, temperature):
    """Gradient of KL(teacher_T || student_T) on the logits of each row, without T²; same shape as the logits."""
    ...


lesson.soft_term_gradient.check(soft_term_gradient)
# lesson.soft_term_gradient.hint()
# lesson.soft_term_gradient.solution()

# %% [markdown]
# <details><summary>How does one get there?</summary>
#
# $\mathrm{KL}(p\|q) = \sum_i p_i \ln p_i - \sum_i p_i \ln q_i$. The first sum holds no student. In the second,
# $\ln q_i = z_i/T - \ln \sum_j e^{z_j/T}$, so its derivative by $z_k$ is $\frac1T(\delta_{ik} - q_k)$. Weigh with
# $p_i$, sum, and remember that $\sum p_i = 1$: there remains $(q_k - p_k)/T$.
# </details>
#
# The soft term asks for $(q_T - p_T)/T$: *what you said, minus what the teacher said*. Training walks against the
# gradient, so let us draw **minus** the gradient and call it the **push**: a bar that points up wants its logit to
# rise.

# %%
z = student_logits.clone().requires_grad_()
(soft_gradient,) = torch.autograd.grad(T**2 * kl_divergence(z, teacher_logits, temperature=T), z)

plots.two_pushes(-hard_gradient, -soft_gradient, T)

# %% [markdown]
# Look at the 5. The label pushes it down, because it is not a 3. The teacher pushes it **up**: this student thinks
# less of the 5 than one should of *this* picture. Here the two voices contradict each other, and $\alpha$ and $T$
# decide who wins.
#
# > **Goal.** The panel starts at $T = 4$, where everybody pushes the 5 down. Give the label at least half of the
# > weight ($\alpha \ge 0.5$) and make the total push the 5 *up* by 0.5. Then switch $T^2$ off and try again. Can you?

# %%
goal = {"text": "with α at least 0.5, push the 5 up by 0.5", "class": 5, "push_at_least": 0.5, "alpha_at_least": 0.5}
widgets.LossPanel(student_logits, teacher_logits, label, image=image, goal=goal)

# %% [markdown]
# Things to try in the panel:
#
# - **Follow the push** lets the student walk where the arrows point. With α = 0 and a high $T$ it ends with the
#   teacher's logits, up to a constant. With α = 1 it never arrives: the label always wants more.
# - Take something in between, say α = 0.5 and $T = 20$, and look where it settles: where the two pushes cancel.
# - Drag the student's 5 far above the teacher's. Now both voices agree.
# - Choose a *wrong* label. The teacher resists. (Lesson 07 trains on labels of which many are wrong.)

# %%
from kdlab.widgets.loss import pushes

best = {True: -1.0, False: -1.0}
for t, a, squared in product(torch.logspace(-0.3, 1.7, 60).tolist(), (0.5, 0.75, 1.0), (True, False)):
    push = pushes(student_logits.numpy(), teacher_logits.numpy(), int(label), t, a, squared)["total"][5]
    best[squared] = max(best[squared], float(push))
print("with T² the goal can be reached:", best[True] >= 0.5)
print("without T² the 5 is always pushed down:", best[False] < 0)

# %% [markdown]
# ### Cross-entropy or KL?
#
# The paper writes the soft term as a cross-entropy, we write KL. Do they train differently?
#
# > **Predict.** $\mathrm{CE}(p, q) = \mathrm{KL}(p\|q) + H(p)$. Which of the three depends on the student?

# %%
z = student_logits.clone().requires_grad_()
as_ce = F.cross_entropy(z / T, soft_targets(teacher_logits, T))
as_kl = kl_divergence(z, teacher_logits, temperature=T)
gradients = [torch.autograd.grad(loss, z)[0] for loss in (as_ce, as_kl)]

print("values differ by the teacher's entropy:", torch.allclose(as_ce - as_kl, entropy(teacher_logits, T), atol=1e-5))
print("gradients are the same:", torch.allclose(*gradients, atol=1e-6))

# %% [markdown]
# The teacher's entropy is a constant, and constants have no gradient. Both train alike. KL is the better *gauge*: it
# reads 0 when the student agrees, at any temperature. Curves of the cross-entropy end at some level above 0 that
# depends on $T$, and look as if something were left to learn.
#
# ## 4 · Why T²?
#
# > **Predict.** The gradient of the soft term is $(q_T - p_T)/T$. If $T$ doubles, does it halve?
#
# Measured with the real teacher, the fresh student and 500 validation images:

# %%
validation = slice(50_000, 50_500)
images, labels = mnist.train_images[validation], torch.from_numpy(mnist.train_labels[validation])
v = teachers.predict_logits(teacher, models.to_inputs(images)).double()
z = teachers.predict_logits(student, models.to_inputs(images)).double().requires_grad_()

temperatures = torch.logspace(-1, 2.5, 60).tolist()
gradients = [torch.autograd.grad(kl_divergence(z, v, temperature=t), z)[0] for t in temperatures]
sizes = [len(z) * g.norm(dim=-1).mean().item() for g in gradients]
centred = (z - v) - (z - v).mean(-1, keepdim=True)
plots.gradient_size(temperatures, sizes, limit=(centred / 10).norm(dim=-1).mean().item())

# %% [markdown]
# It shrinks more than that. One factor $1/T$ is written in the formula. A second one hides in $q_T - p_T$: at high
# temperature both distributions flatten towards 1/10, and their difference shrinks like $1/T$ too. On these scales
# $1/T^2$ is a straight line downwards, and the dashed curve becomes one. Multiplied by $T^2$ it rises until about $T = 4$
# and then stays nearly level: from there on, the teacher speaks to *this fresh student* as loudly at one temperature as at
# another. (The dotted line is where it ends. Section 5 tells you what it is.)


# %%
def spread(low, high, power):
    """Largest over smallest gradient, times T to this power, between two temperatures."""
    chosen = [t**power * size for t, size in zip(temperatures, sizes, strict=True) if low <= t <= high]
    return max(chosen) / min(chosen)


print("T from 4 to 64: without T² the sizes differ by more than 100 times:", spread(4, 64, 0) > 100)
print("               with T² by less than 2 times:", spread(4, 64, 2) < 2)
print("T from 1 to 64: with T² by less than 6 times:", spread(1, 64, 2) < 6)

near_one = min(range(60), key=lambda k: abs(temperatures[k] - 1))
print("T from 1 down to 0.1: without T² the gradient grows:", sizes[0] > 5 * sizes[near_one])
print("                      with T² it fades:", 0.1**2 * sizes[0] < sizes[near_one] / 2)

# %% [markdown]
# Now the left end of the picture. As $T \to 0$ the teacher's soft target becomes its hard decision, and so does the
# student's answer. Where both decide alike, nothing is left to learn; where they differ, the gradient *explodes*
# without $T^2$, and fades with it. Low temperatures throw dark knowledge away, as you know from lesson 01.
#
# ### When it does not matter
#
# An honest question: $T^2$ is only a number in front of a loss. Is that not just a learning rate?
#
# > **Predict.** Train with the soft term **alone**, once with $T^2$ and once without. What does plain gradient descent
# > make of it? And Adam, which divides each step by the size of recent gradients?

# %%
inputs = models.to_inputs(mnist.train_images[:6000])
train_labels = torch.from_numpy(mnist.train_labels[:6000])
train_teacher = teachers.predict_logits(teacher, inputs)


def learn(loss, optimizer=torch.optim.Adam, learning_rate=1e-3, seed=0):
    """100 steps on a small student; its logits for the 500 validation images."""
    student = models.MLP(784, 100, 10, seed=seed)
    optimizer = optimizer(student.parameters(), lr=learning_rate)
    order = torch.Generator().manual_seed(seed)
    for _ in range(100):
        chosen = torch.randint(len(inputs), (128,), generator=order)
        optimizer.zero_grad()
        loss(student(inputs[chosen]), train_teacher[chosen], train_labels[chosen]).backward()
        optimizer.step()
    return teachers.predict_logits(student, models.to_inputs(images))


# %%
def soft_with(z, v, y):
    return 20**2 * kl_divergence(z, v, temperature=20.0)


def soft_without(z, v, y):
    return kl_divergence(z, v, temperature=20.0)


adam = [learn(loss).argmax(-1) for loss in (soft_with, soft_without)]
sgd = [learn(loss, torch.optim.SGD, 0.05).argmax(-1) for loss in (soft_with, soft_without)]
print("Adam: same answers on 98 of 100 images:", bool((adam[0] == adam[1]).float().mean() > 0.98))
print("SGD: same answers on more than half of the images:", bool((sgd[0] == sgd[1]).float().mean() > 0.5))

# %% [markdown]
# With SGD the student without $T^2$ has hardly moved: its learning rate was 400 times smaller. Adam did not care. So
# is $T^2$ idle if one trains with Adam? Only as long as the teacher speaks **alone**. Let a label join in:
#
# ### ✎ Exercise 3.3 · The alpha they really used  (5 minutes, medium)
#
# A colleague forgets $T^2$ and reports `alpha`. Only the ratio of the two weights matters to the direction of the
# gradient. Which $\alpha$ in the full loss gives the same ratio?


# %%
def hidden_alpha(alpha, temperature):
    """The alpha of the full loss whose two terms stand in the ratio of a loss with this alpha that lacks T²."""
    ...


lesson.hidden_alpha.check(hidden_alpha)
# lesson.hidden_alpha.hint()
# lesson.hidden_alpha.solution()

# %% [markdown]
# For $\alpha = 0.1$ and $T = 20$ the answer is $40 / 40.9 \approx 0.98$. They meant to give the teacher nine tenths of
# the weight, and gave the label 98 %. Does that show? Four students, three seeds each, all with Adam and one learning
# rate, all with 100 steps on the same batches. How far from the teacher does each end up?


# %%
def without_square(z, v, y):
    return 0.1 * F.cross_entropy(z, y) + 0.9 * kl_divergence(z, v, temperature=20.0)


arms = {
    "label only": lambda z, v, y: F.cross_entropy(z, y),
    "α = 0.1, no T²": without_square,
    "α = 0.978, with T²": lambda z, v, y: distillation_loss(z, v, y, temperature=20.0, alpha=0.978),
    "α = 0.1, with T²": lambda z, v, y: distillation_loss(z, v, y, temperature=20.0, alpha=0.1),
}
far = {
    name: [kl_divergence(learn(loss, seed=seed), v.float(), temperature=4.0).item() for seed in range(3)]
    for name, loss in arms.items()
}
means = {name: sum(values) / 3 for name, values in far.items()}
no_square, hidden = means["α = 0.1, no T²"], means["α = 0.978, with T²"]
print("forgetting T² is an α of 0.978 in disguise:", abs(no_square - hidden) < 0.03 * hidden)
nearest = far.pop("α = 0.1, with T²")
print("with T² it ends nearest to the teacher, at every seed:", all(max(nearest) < min(rest) for rest in far.values()))
plots.distances(
    {**far, "α = 0.1, with T²": nearest},
    "distance from the teacher: KL at T = 4 on validation images (± sd of 3 seeds)",
)

# %% [markdown]
# The second and third bars are the same loss under two names. That is what $T^2$ is for: without it, everyone who goes
# from $T = 4$ to $T = 20$ also makes the teacher 25 times quieter, and does not know it. (Nearest to the teacher is not
# yet best on the labels. Lessons 04 and 06 measure that.)
#
# ### What T² does not keep
#
# It is often said that with $T^2$ alpha means the same at every temperature. The figure with the two curves says so, for
# $T \ge 4$ and a *fresh* student. Let us train one (α = 0.5, $T = 4$) and ask again on the way: how many times as long is
# the gradient of the soft term, $T^2$ included, as that of the hard term? A 1 says that both voices are equally loud.
#
# > **Predict.** At the start the answers for $T = 1$, 4 and 20 are 1.0, 3.4 and 3.6. After 300 steps: all three larger, all
# > smaller, or each its own way?


# %%
def loudness(student):
    """Length of the soft term's gradient over that of the hard term's, by temperature, on 500 training images."""
    z = teachers.predict_logits(student, inputs[:500]).double().requires_grad_()
    told, true = train_teacher[:500].double(), train_labels[:500]
    losses = {"hard": F.cross_entropy(z, true)} | {
        t: t**2 * kl_divergence(z, told, temperature=t) for t in (1.0, 4.0, 20.0)
    }
    lengths = {name: torch.autograd.grad(loss, z)[0].norm(dim=-1).mean().item() for name, loss in losses.items()}
    return {t: lengths[t] / lengths["hard"] for t in (1.0, 4.0, 20.0)}


growing = models.MLP(784, 300, 300, 10, seed=0)
recipe = training.Recipe(temperature=4, alpha=0.5, steps=300, learning_rate=2e-3)
heard = {0: loudness(growing)}
for record in training.train(growing, inputs, train_labels, train_teacher, recipe=recipe):
    if record["step"] % 20 == 19:
        heard[record["step"] + 1] = loudness(growing)

first, last = heard[0], heard[300]
print("fresh: T = 4 and T = 20 are equally loud, to a tenth:", abs(first[20.0] / first[4.0] - 1) < 0.1)
print("trained: T = 20 is more than twice as loud as T = 4:", last[20.0] > 2 * last[4.0])
print("T = 20 against the label, more than 4 times as loud as at the start:", last[20.0] > 4 * first[20.0])
print("T = 1 against the label: still equally loud, to a factor of two:", 0.5 < last[1.0] < 2)
assert last[20.0] > max(2 * last[4.0], 4 * first[20.0]) and 0.5 < last[1.0] < 2
plots.loudness(heard)

# %% [markdown]
# Each its own way. The label falls silent as the student learns: where it is sure and right, $q - y$ is almost zero. At
# $T = 1$ so is $q - p$, and the two stay about equally loud. At high $T$ the soft term still sees how far *all* the logits
# are from the teacher's, and those are far from alike. So α = 0.5 at $T = 20$ began as "the teacher 3.6 times as loud" and
# has become more than twenty times, while at $T = 4$ it is about eight.
#
# $T^2$ is exact where $T$ is large against the gaps between logits, as section 5 shows. A trained student and its
# teacher have gaps of ten and more, so for them it is a rule of thumb: with it, T = 20 is here two to three times as
# loud as T = 4; without it, it would be about nine times *quieter*. Better than none. (One student, one seed, on
# pictures it was trained on.) **Alpha is a weight in a sum, not a share of attention.** Whoever changes $T$ should
# choose α anew.
#
# ## 5 · The hot end: matching logits
#
# > **Predict.** At $T = 1000$ every soft target is 1/10, give or take a hair. Is there anything left to learn from?
#
# <details><summary>Answer</summary>
#
# There is, because $T^2$ magnifies the hair.
# </details>
#
# For small $x$, $e^x \approx 1 + x$. Put $z_i/T$ and $v_i/T$ in, centre
# the logits so that each row sums to zero, and the gradient of the soft term becomes
#
# $$T^2 \cdot \frac{q_i - p_i}{T} \;\longrightarrow\; \frac{z_i - v_i}{C}
# \qquad\text{which is the gradient of}\qquad \frac{1}{2C} \lVert z - v \rVert^2$$
#
# with $C$ classes. Distillation at a very high temperature is **logit matching**: plain regression on the teacher's
# logits, which Ba and Caruana had used a year before.
#
# ### ✎ Exercise 3.4 · Matching logits  (10 minutes, easy)


# %%
def logit_matching_loss(student_logits, teacher_logits):
    """Mean over the rows of ||z - v||² / (2 · classes), with the logits of each row centred first."""
    ...


lesson.logit_matching_loss.check(logit_matching_loss)
# lesson.logit_matching_loss.hint()
# lesson.logit_matching_loss.solution()

# %% [markdown]
# Value and direction both converge. (The cell works in double precision. At $T = 1000$ the divergence itself is less
# than a ten-thousandth, made of tiny differences between numbers near 1/10, and single precision would blur it.)

# %%
from kdlab.losses import logit_matching_loss

limit = logit_matching_loss(z, v)
(limit_gradient,) = torch.autograd.grad(limit, z)
values = [t**2 * kl_divergence(z, v, temperature=t).item() for t in temperatures]
cosines = [F.cosine_similarity(g.flatten(), limit_gradient.flatten(), dim=0).item() for g in gradients]

hot = 10_000.0
loss = hot**2 * kl_divergence(z, v, temperature=hot)
(gradient,) = torch.autograd.grad(loss, z)
print("T² · KL at T = 10 000 is the logit-matching loss, to 1 %:", torch.allclose(loss, limit, rtol=1e-2))
print("and so is its gradient:", bool((gradient - limit_gradient).norm() < 0.01 * limit_gradient.norm()))
plots.towards_matching(temperatures, values, limit.item(), cosines)

# %% [markdown]
# What changes on the way there? At moderate $T$ the soft term looks mostly at the classes that the teacher finds
# plausible. Logit matching looks at *all* of them alike, also at the very negative logits, which are the teacher's
# guesses about what nobody asked. Those may be noise: Hinton et al. offer that as a reason why moderate temperatures did
# best for their smallest students. It is their reading; neither they nor this lesson tested it.
#
# ## 6 · A teacher who shrugs
#
# Suppose the teacher shrugs at everything: all logits equal, every class 1/10. Can anything be learnt from that?
#
# ### ✎ Exercise 3.5 · A teacher who knows nothing  (5 minutes, easy)
#
# Write the loss with a **uniform** teacher at $T = 1$: `smoothing` is the teacher's weight, and the label keeps the
# rest. Use cross-entropy for both terms.


# %%
def label_smoothing_loss(student_logits, labels, *, smoothing=0.1):
    """(1 - smoothing) · CE(labels, student) + smoothing · CE(uniform, student), mean over the batch."""
    ...


lesson.label_smoothing_loss.check(label_smoothing_loss)
# lesson.label_smoothing_loss.hint()
# lesson.label_smoothing_loss.solution()

# %% [markdown]
# You may know it under another name. PyTorch has it built in as **label smoothing**, a remedy against overconfidence:

# %%
from kdlab.losses import label_smoothing_loss

z32, uniform_teacher = z.detach().float(), torch.zeros(500, 10)
ours = label_smoothing_loss(z32, labels, smoothing=0.2)
distilled = distillation_loss(z32, uniform_teacher, labels, temperature=1.0, alpha=0.8)

torchs = F.cross_entropy(z32, labels, label_smoothing=0.2)
print("same as F.cross_entropy(label_smoothing=):", torch.allclose(ours, torchs))
print("same as distillation, up to s · ln C:", torch.allclose(ours, distilled + 0.2 * torch.tensor(10.0).log()))

# %% [markdown]
# So label smoothing *is* distillation from a teacher who knows nothing (the constant $s \ln C$ is that teacher's
# entropy, once more). It tells the student "do not be too sure", and says it about every picture in the same words.
# What a real teacher adds is the rest: which doubts belong to *this* picture.
#
# ## 7 · Mix the losses, not the targets
#
# A tempting shortcut: mix label and soft target into *one* target, $\alpha y + (1 - \alpha)\, p_T$, and use ordinary
# cross-entropy on the student's ordinary output.
#
# > **Predict.** Is that the same loss? At $T = 1$? At $T = 8$? If not, what will the student be like?


# %%
def mixed_targets(z, v, y, temperature, alpha):
    return F.cross_entropy(z, alpha * F.one_hot(y, 10) + (1 - alpha) * soft_targets(v, temperature))


def gradient_of(loss, *settings):
    at = z32.clone().requires_grad_()
    return torch.autograd.grad(loss(at, *settings), at)[0]


def mixed_losses(z, v, y, temperature, alpha):
    return distillation_loss(z, v, y, temperature=temperature, alpha=alpha)


for t in (1.0, 8.0):
    one, other = (gradient_of(loss, v.float(), labels, t, 0.3) for loss in (mixed_targets, mixed_losses))
    print(f"T = {t:g}: same gradient:", torch.allclose(one, other, atol=1e-7))

# %% [markdown]
# The same at $T = 1$ only. To see what the difference does, ask each loss for its favourite student: start from zero
# logits for our leaning 3, and follow the push until it vanishes.


# %%
def favourite(loss, steps=600):
    """The probabilities (at T = 1) of a student with free logits who has followed the push to its end."""
    z = torch.zeros(1, 10)
    for _ in range(steps):
        z.requires_grad_()
        (gradient,) = torch.autograd.grad(loss(z, teacher_logits[None], label[None], T, 0.1), z)
        z = (z - 1.5 * gradient).detach()
    return soft_targets(z)[0]


favourites = {"losses mixed": favourite(mixed_losses), "targets mixed": favourite(mixed_targets)}
rows = {"teacher": soft_targets(teacher_logits), **favourites}
sure = {name: row[3] for name, row in rows.items()}
print("losses mixed: as sure of the 3 as the teacher:", bool((sure["losses mixed"] - sure["teacher"]).abs() < 0.05))
print("targets mixed: less sure by more than 10 points:", bool(sure["targets mixed"] < sure["teacher"] - 0.1))
plots.grouped_bars(rows, "at T = 1: the teacher, and a student trained at T = 8 with α = 0.1", "probability")

# %% [markdown]
# With mixed *targets* the student at $T = 1$ copies a teacher at $T = 8$: it is unsure for life. With mixed *losses*
# both are softened by the same $T$ while they compare notes, and the student keeps a sharp answer of its own. Heat is
# for the lesson, not for the student. (Article 000_3ba1c66f4941c437.txt goes one worse and *adds* label and soft
# label, so that its targets sum to 2. Lesson 17 has the autopsy.)
#
# ## 8 · A published loss, repaired
#
# The article 001_070c073ec1c1c574.txt has a distillation loss of a few lines. This is what it computes, in our words.
# It gets several things right: $\alpha$ weighs the label, $T^2$ is there, `F.kl_div`'s arguments are in order. Can
# you find what is wrong before you read on?


# %%
def article_loss(student_logits, teacher_logits, labels, alpha=0.5, temperature=2.0):
    hard = nn.CrossEntropyLoss()(student_logits, labels)
    log_q, p = F.log_softmax(student_logits / temperature, dim=1), F.softmax(teacher_logits / temperature, dim=1)
    return alpha * hard + (1 - alpha) * temperature**2 * nn.KLDivLoss()(log_q, p)


# %% [markdown]
# **Fault 1: it does not run.** The article imports `torch`, `torch.nn` and `torch.optim`, but never `F`. Give the
# function exactly these names, and call it:

# %%
names = {"torch": torch, "nn": nn, "optim": torch.optim}
as_published = types.FunctionType(article_loss.__code__, names, argdefs=article_loss.__defaults__)
try:
    as_published(z32, v.float(), labels)
except NameError as error:
    print("NameError:", error)

# %% [markdown]
# That one is loud, and therefore harmless. The next ones are silent.
#
# **Fault 2: the reduction.** `nn.KLDivLoss()` averages over batch *and* classes.

# %%
with warnings.catch_warnings(record=True) as heard:
    warnings.simplefilter("always")
    theirs = article_loss(z32, v.float(), labels, alpha=0.0)
ours = distillation_loss(z32, v.float(), labels, temperature=2.0, alpha=0.0)
print(f"our soft term is {ours / theirs:.3f} times the article's; classes: {z32.shape[-1]}")
print("PyTorch warned:", any("batchmean" in str(warning.message) for warning in heard))
print(f"so its alpha of 0.5 acts like {0.5 * 10 / (0.5 * 10 + 0.5):.3f}")

# %% [markdown]
# The teacher's voice is exactly ten times too quiet, and the default α of 0.5 is in truth 0.909. With 1000 classes it
# would be 1000 times.
#
# **Fault 3: the teacher is half asleep.** The article never calls `teacher.eval()`. After training, a PyTorch module is
# still in training mode, where *dropout* keeps switching units off, other ones at each call. The article leaves its
# networks open; with our teacher, which has dropout, this happens:

# %%
doubtful = models.to_inputs(images[entropy(v).argmax()])
with torch.random.fork_rng(), torch.no_grad():
    torch.manual_seed(0)
    teacher.train()
    calls = {f"training mode, call {k}": soft_targets(teacher(doubtful)) for k in (1, 2, 3)}
    teacher.eval()
awake = [soft_targets(teacher(doubtful)) for _ in range(2)]

same = torch.equal(calls["training mode, call 1"], calls["training mode, call 2"])
print("training mode, two calls agree:", same, " eval mode, two calls agree:", torch.equal(*awake))
plots.grouped_bars({**calls, "eval mode": awake[0]}, "one difficult picture, four answers (T = 1)", "probability")

# %% [markdown]
# **Fault 4, narrowly missed: who learns from whom?** The article calls its teacher inside `torch.no_grad()`, and so it
# is safe. But the loss itself would let a gradient through, and the first person who calls it elsewhere trains the
# teacher to please the student. `eval()` does not stop that; `detach()` or `no_grad()` does.

# %%
trainable = v.float().requires_grad_()
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    (into_teacher,) = torch.autograd.grad(article_loss(z32, trainable, labels), trainable)
print("the article's loss pulls at the teacher:", bool(into_teacher.abs().max() > 0))
loss = distillation_loss(z32.clone().requires_grad_(), trainable, labels, temperature=2.0, alpha=0.5)
loss.backward()
print("kdlab's does not:", trainable.grad is None)

# %% [markdown]
# ### ✎ Exercise 3.6 · Repair a published loss  (10 minutes, medium)
#
# This time the function gets the two *models* and a batch, so that you can repair everything: reduction, dropout, and
# who gets a gradient. Keep the article's defaults.


# %%
def repaired_article_loss(student, teacher, images, labels, alpha=0.5, temperature=2.0):
    """The distillation loss of one batch, from the two models themselves; only the student gets a gradient."""
    ...


lesson.repaired_article_loss.check(repaired_article_loss)
# lesson.repaired_article_loss.hint()
# lesson.repaired_article_loss.solution()

# %% [markdown]
# ## Quiz

# %%
lesson.quiz

# %% [markdown]
# ## Summary
#
# - $L = \alpha\,\mathrm{CE}(y, q_1) + (1-\alpha)\,T^2\,\mathrm{KL}(p_T\|q_T)$: label at $T = 1$, teacher and student
#   softened alike, no gradient into the teacher.
# - The pushes on a logit are $y - q$ and $T\,(p_T - q_T)$, $T^2$ included. They may contradict each other, class by class.
# - Without $T^2$ a higher $T$ also makes the teacher quieter. With it both voices keep their balance for a fresh student
#   and $T$ from 4 upwards; as the student learns, the label falls silent and high temperatures take over.
# - For the soft term alone $T^2$ is a learning rate, and Adam nearly cancels it.
# - $T \to \infty$ is logit matching, $\frac{1}{2C}\lVert z - v\rVert^2$ on centred logits. A uniform teacher is label
#   smoothing.
# - Mix losses, not targets. Use `batchmean`. Put the teacher in eval mode and out of reach of gradients.
#
# **Left out.** Whether any of this makes the student *better* (lesson 04, next), and which α and T to choose (lesson
# 06). The soft term can be split into a part about the target class and a part about the others, and the two weighed
# apart: decoupled distillation (Zhao et al. 2022). Reverse KL in place of KL matters for language models (lesson 12).
#
# **References**
#
# - G. Hinton, O. Vinyals, J. Dean: *Distilling the Knowledge in a Neural Network*, 2015, arXiv 1503.02531. Section 2
#   has the loss and the $T^2$, section 2.1 the limit.
# - J. Ba, R. Caruana: *Do Deep Nets Really Need to be Deep?*, NeurIPS 2014. Regression on logits.
# - C. Szegedy et al.: *Rethinking the Inception Architecture for Computer Vision*, CVPR 2016. Label smoothing.
# - L. Yuan et al.: *Revisiting Knowledge Distillation via Label Smoothing Regularization*, CVPR 2020.
# - B. Zhao et al.: *Decoupled Knowledge Distillation*, CVPR 2022.
#
# **Next:** [04 · A student that learns while you watch](04_mlp_distillation.ipynb): the loss goes to work, live.
