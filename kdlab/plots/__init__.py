"""Figures, drawn by matplotlib from plain data, in the course's own style whatever the reader has set.

No pyplot: any thread may draw. Matplotlib's settings are global, so they are the course's while a figure is drawn, one at
a time, and the reader's again afterwards.

A room for each lesson, one for what panels look like as stills, and `base` for what all of them share.
"""

from kdlab.plots.base import Picture, draw_bars, draw_digit, picture, png_metadata, to_png, use_style
from kdlab.plots.compression import costs, frontier, levels, mended, singular_values, speeds
from kdlab.plots.dark_knowledge import few_labels, measures, omitted
from kdlab.plots.diagrams import diagram, plane_panel
from kdlab.plots.distillation_loss import (
    distances,
    gradient_size,
    grouped_bars,
    loudness,
    towards_matching,
    two_pushes,
    two_voices,
)
from kdlab.plots.distilling_an_llm import hours, left_out, next_tokens, overlaps, three_ways, vocabulary_sizes
from kdlab.plots.fair_comparisons import (
    augmentation,
    batch_sizes,
    errors_against,
    optimism,
    seed_pairs,
    seeds_and_spread,
    width_by_temperature,
)
from kdlab.plots.feature_distillation import arms, cluttered, longer, look_panel, over_weights
from kdlab.plots.kl_divergence import (
    answers,
    calls_of_kl_div,
    code_prices,
    coin_divergences,
    gradient_sizes,
    logarithm_and_tangent,
    pulls,
)
from kdlab.plots.language_models import (
    cache_curves,
    divergence_measures,
    jump_at_the_ends,
    kept_shares,
    next_characters,
    transfer_arms,
)
from kdlab.plots.many_teachers import crowd_panel, differences, doubt_panel, doubts, growing_crowd, seam
from kdlab.plots.mlp_distillation import hinton_section3, loss_curves, moved_digits, race_over_seeds
from kdlab.plots.panels import (
    attention_panel,
    bias_panel,
    blind_panel,
    dark_knowledge_panel,
    divergences,
    drawing,
    experiment,
    gaussian_fits,
    loss_panel,
    race,
    reliability_panel,
    seeds_panel,
    sentence_panel,
    soft_targets,
    squeeze_panel,
    sweep_panel,
    words,
    writing_panel,
)
from kdlab.plots.relation_distillation import (
    closeness,
    map_panel,
    neighbours_panel,
    recorded_maps,
    turn_panel,
)
from kdlab.plots.softmax_and_temperature import (
    against_temperature,
    digits,
    entropy_curves,
    logits_of_digit,
    resemblance,
    two_distributions,
)
from kdlab.plots.the_students_own_steps import (
    arms_side_by_side,
    draft_panel,
    drafters,
    grid_walks,
    next_moves,
    overlap,
    precision_and_diversity,
    walk_panel,
)
from kdlab.plots.transformer_distillation import (
    augmented_reviews,
    distilbert_recipe,
    few_review_labels,
    rated_sentences,
    short_training,
)
from kdlab.plots.why_it_works import (
    fidelity,
    good_teachers,
    gradient_luck,
    luck_errors,
    luck_panel,
    noise,
    nothing_gained,
    patience,
    taken_apart,
)
