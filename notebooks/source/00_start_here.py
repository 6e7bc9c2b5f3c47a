# %% [markdown]
# # 00 · Start here
#
# *In one minute you will watch a large network teach a small one.*
#
# ## 1 · Watch
#
# Two networks look at the same picture. The **teacher** is large and has learned to read digits. The **student** is small and
# knows nothing yet. Click on the cell below and press **Shift + Enter**: that runs it. Then press **Start** in the panel, and
# the student learns.
#
# > **Predict.** The student's blue bars are nearly even now. The label of the picture says “4” and no more, so that bar will
# > grow. Will any other, and which?

# %%
import kdlab; kdlab.first_look()

# %% [markdown]
# <details><summary>What happened</summary>
#
# The bars went towards the short lines, which are where the teacher is. The student now says 4, and it doubts where the teacher
# doubts: its second choice is the 9, which no label of a 4 speaks of. On other pictures it is further off: three hundred steps
# are few, and it never saw these twelve digits.
# </details>
#
# That is **knowledge distillation**: a small network learns to give the *whole* answer of a large one, and not only the right
# word for each picture. Two arrows lead into the student: what the teacher asks for has the weight 0.9 here and a thick arrow,
# what the label asks for 0.1 and a thin one. None leads into the teacher, which stays as it is.
#
# Now pick other pictures, press **Reset** and **Start** again, and rest the pointer on the underlined words: each shows what
# it speaks of. The slider **Temperature** softens both answers alike; section 3 looks at it.
#
# (On a web page the pictures are what panels look like; to move them, open the course with `make lab`.)
#
# **About this lesson**
#
# | | |
# |---|---|
# | **Time** | 15 minutes alone, 10 in class |
# | **Builds on** | basic Python; you have seen a neural network before. For the lessons after this one: tensors in PyTorch (shapes, indexing, sums along a dimension), the chain rule, expectation and variance |
#
# **After this lesson you can**
#
# - say in one sentence what knowledge distillation is,
# - run cells, move panels, check exercises and get lessons back as they came,
# - find your way through the course.
#
# ## 2 · Is everything here?

# %% tags=["nbval-ignore-output"]
from kdlab import course

course.check_environment()

# %% [markdown]
# Every line should begin with `[OK]`. Any other line says what to do about it. The course never needs the network, and
# never a graphics card: all data and all trained networks are in the folder `data/`.
#
# ## 3 · A network with an opinion
#
# Here is the teacher alone. It has learned from 50 000 handwritten digits; these twelve it has never seen. It is asked for the
# digit, and answers with a probability for each of the ten.
#
# > **Predict.** The digits below are 3, 2, 4, 4, 4, 8 and so on. The teacher is almost certain of most. If you could hear the
# > rest of its opinion about the second, which other digit would it mention?

# %%
from kdlab import data, models, teachers, widgets
from kdlab.exercises import start_here as lesson

mnist = data.load_mnist()
teacher = teachers.load_mnist_teacher()

chosen = [2618, 1, 4, 115, 247, 266, 340, 445, 582, 4360, 1393, 2024]
images, labels = mnist.test_images[chosen], mnist.test_labels[chosen]
logits = teacher(models.to_inputs(images))
widgets.TemperaturePanel(logits, images=images, labels=labels, editable=False)

# %% [markdown]
# Drag **temperature** to the right, slowly, and watch the small bars. Then pick other digits.
#
# At temperature 1 you see the verdict. As the temperature rises, the rest of the opinion appears: which *other* digits this
# very picture resembles. (The bars on the left are the scores it is computed from; lesson 01 explains them.) A label is one
# word. A **soft target**, or *soft label*, is a description.
#
# > **Goal.** Find a digit whose second choice surprises you. Then look at the picture again: can you see what the teacher
# > sees?
#
# ## 4 · What this course is about
#
# Large networks know a lot and cost a lot. **Knowledge distillation** trains a small *student* to give the same soft targets
# as a large *teacher*: it learns from descriptions where others learn from single words. That is how ten networks of a
# speech recogniser became one that is nearly as good, and how many of today's small language models are made.
#
# The idea in one line of mathematics, which you need not follow yet: minimise
#
# $$\alpha \cdot \mathrm{CE}(\text{label}, \text{student}) \;+\; (1-\alpha) \cdot T^2 \cdot
# \mathrm{KL}(\text{teacher}_T \,\|\, \text{student}_T)$$
#
# Lesson 01 explains the $T$, lesson 02 the KL, lesson 03 the whole line, and in lesson 04 a student learns from it while
# you watch.
#
# ## 5 · The map
#
# | | lesson | you will | minutes |
# |---|---|---|---|
# | 00 | Start here | look around | 15 |
# | 01 | [Softmax and temperature](01_softmax_and_temperature.ipynb) | read what a network knows but does not say | 70 |
# | 02 | [KL divergence](02_kl_divergence.ipynb) | measure how far one opinion is from another | 80 |
# | 03 | [The distillation loss](03_distillation_loss.ipynb) | build the loss, and see why T² is in it | 85 |
# | 04 | [A student that learns while you watch](04_mlp_distillation.ipynb) | race a taught student against an untaught one | 90 |
# | 05 | [Dark knowledge](05_dark_knowledge.ipynb) | teach a digit without showing it | 80 |
# | 06 | [Fair comparisons](06_fair_comparisons.ipynb) | find out why two laboratories disagree | 95 |
# | 07 | [Why it works](07_why_it_works.ipynb) | take things away from a teacher, and see what is missed | 90 |
# | 08 | [Feature distillation](08_feature_distillation.ipynb) | teach a student where to look | 90 |
# | 09 | [Relation distillation](09_relation_distillation.ipynb) | draw a map from distances alone | 90 |
# | 10 | [Many teachers](10_many_teachers.ipynb) | let ten who know little teach one | 90 |
# | 11 | [Transformer distillation](11_transformer_distillation.ipynb) | let a pretrained reader teach a small one | 100 |
# | 12 | [Language models](12_language_models.ipynb) | what a next character can teach | 90 |
# | 13 | [Distilling an LLM](13_distilling_an_llm.ipynb) | a real language model teaches one that trains while you wait | 100 |
# | 14 | [The student's own steps](14_the_students_own_steps.ipynb) | two students walk: one is shown how to come back | 100 |
#
# Each lesson builds on those before it. Later lessons follow: compression, a bug clinic, and a capstone.
#
# ## 6 · How a lesson works
#
# - **Predict** before you run. A guess that turns out wrong teaches more than a demonstration that you merely watch.
# - **Panels** answer to mouse and keyboard: Tab moves from control to control, arrow keys move sliders and bars.
# - **Exercises** have a stub with `...` in it. Fill it in and run the cell: the check says *solved*, or what came out, what
#   was expected and which mistake is likely. Unsolved exercises never break the rest of a lesson. Try it:
#
# ### ✎ Exercise 0.1 · The second picture  (2 minutes, easy)
#
# Replace the dots by the digit that you see in the *second* picture of the panels above, and run the cell.

# %%
second_picture = ...

lesson.second_picture.check(second_picture)
# lesson.second_picture.hint()
# lesson.second_picture.solution()

# %% [markdown]
# - **Hints**: in each exercise, `lesson.name.hint()` gives one hint, then a plainer one. `lesson.name.solution()` shows the code.
# - **Your copy**: you are working in the folder `my_course/`. Updates never touch it. `make reset LESSON=04` brings a lesson
#   back as it came, and keeps yours under another name.
# - **Stop**: the square button above (■) interrupts a cell that takes too long. What was trained so far is kept.
#
# ## Quiz
#
# One question, to see how quizzes work. Later lessons have three or more.

# %%
lesson.quiz

# %% [markdown]
# ## Summary
#
# - A trained network says more than its verdict, and the temperature makes it audible.
# - Distillation trains a small student on that fuller answer of a large teacher, and on the label beside it.
#
# **Left out.** Everything else: that is what the other lessons are for.
#
# **References**
#
# - G. Hinton, O. Vinyals, J. Dean: *Distilling the Knowledge in a Neural Network*, 2015, arXiv 1503.02531.
# - C. Buciluă, R. Caruana, A. Niculescu-Mizil: *Model Compression*, KDD 2006: a small network learns from an ensemble.
# - The idea is older: M. Craven, J. Shavlik: *Extracting Tree-Structured Representations of Trained Networks*, NIPS 8,
#   1996; L. Breiman, N. Shang: *Born Again Trees*, technical report, University of California, Berkeley, 1996.
#
# **Next:** [01 · Softmax and temperature](01_softmax_and_temperature.ipynb)
