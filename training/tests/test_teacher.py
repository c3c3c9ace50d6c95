"""What a teacher finds, with a network of which every answer is known."""

from __future__ import annotations

import pytest
import torch

from training import losses, teacher, train

CONTENT = torch.tensor([[256, 256], [100, 256]])


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


class BrightOnes(torch.nn.Module):
    """Answers a box with what is bright inside it; where `moody`, with nothing the second time."""

    def __init__(self, *, moody: bool = False) -> None:
        super().__init__()
        self.moody, self.n_asked = moody, 0

    def encode(self, image):
        return {"image": image}

    def decode(self, features, boxes):
        self.n_asked += 1
        image = features["image"][:, 0].repeat_interleave(len(boxes) // len(features["image"]), dim=0)
        steps = torch.arange(image.shape[-1]) + 0.5
        across = (steps > boxes[:, :1]) & (steps < boxes[:, 2:3])
        down = (steps > boxes[:, 1:2]) & (steps < boxes[:, 3:])
        bright = (image > 0.5) & across[:, None, :] & down[:, :, None]
        if self.moody and self.n_asked == 2:
            bright = torch.zeros_like(bright)
        return torch.where(bright, 8.0, -8.0)[:, None], torch.zeros(len(boxes), 1)


def test_random_boxes_lie_in_the_content_and_have_all_sizes():
    boxes = teacher.random_boxes(CONTENT, n_each=500)
    size = boxes[..., 2:] - boxes[..., :2]
    assert boxes.shape == (2, 500, 4) and boxes.min() >= 0 and size.min() > 10
    assert boxes[0].max() <= 256 and boxes[1, :, [1, 3]].max() <= 100 and boxes[1, :, [0, 2]].max() <= 256
    longer = size[0].amax(dim=1) / 256
    assert longer.min() < 0.15 and longer.max() > 0.7 and (size[0, :, 0] > size[0, :, 1]).float().mean() == pytest.approx(0.5, abs=0.1)


def test_tight_boxes_by_hand():
    masks = torch.zeros(2, 8, 8, dtype=torch.bool)
    masks[0, 2:5, 1:7] = True
    assert teacher.tight_boxes(masks).tolist() == [[1, 2, 7, 5], [0, 0, 0, 0]]


def test_what_is_found_is_an_object_with_a_box_close_around_it():
    image = torch.zeros(2, 3, 256, 256)
    image[0, :, 40:120, 60:200] = 1
    image[1, :, 40:43, 60:200] = 1
    found = teacher.Teacher(BrightOnes(), n_each=200).find(image, CONTENT)
    assert found.boxes.shape == (2, 200, 4) and found.masks.shape == (2, 200, 256, 256)
    assert found.valid[0].float().mean() > 0.2, "many boxes show a part of the large one"
    for box, mask in zip(found.boxes[0][found.valid[0]], found.masks[0][found.valid[0]]):
        tight = teacher.tight_boxes(mask[None] > 0.5)[0]
        reach = 0.08 * (tight[2:] - tight[:2]).repeat(2)
        assert ((box - tight).abs() <= reach + 1e-3).all() and (mask > 0.5).sum() >= teacher.MIN_AREA
    areas = (found.masks > 0.5).sum(dim=(2, 3))
    assert not found.valid[areas < teacher.MIN_AREA].any() and not found.masks.isnan().any()


def test_what_the_second_look_denies_does_not_count():
    image = torch.ones(1, 3, 256, 256)
    assert teacher.Teacher(BrightOnes(), n_each=50).find(image, CONTENT[:1]).valid.any()
    assert not teacher.Teacher(BrightOnes(moody=True), n_each=50).find(image, CONTENT[:1]).valid.any()


def test_found_objects_that_do_not_count_change_no_loss():
    masks = torch.rand(2, 32, 32)
    logits = torch.randn(2, 1, 32, 32)
    other = logits.clone()
    other[1] = -other[1]

    def found(logits, valid=(True, False)):
        boxes = torch.tensor([[4.0, 4.0, 20.0, 20.0]]).repeat(2, 1)
        weights = losses.LossWeights(found=0.5)
        return losses.found_loss(logits=logits, masks=masks, boxes=boxes, valid=torch.tensor(valid), weights=weights)

    assert found(logits)[0] == found(other)[0] == 0.5 * found(logits)[1]["found"]
    assert found(logits, (True, True))[0] != found(other, (True, True))[0]
    assert found(logits, (False, False))[0] == 0


def test_a_share_without_a_teacher_or_without_pictures_is_refused():
    with pytest.raises(ValueError, match="^--found-share asks LiteMedSAM for objects: give its weights, --litemedsam FILE$"):
        train.main(["--data", "nowhere", "--found-share", "0.1"])
    with pytest.raises(ValueError, match="^--found-share needs pictures, and --cut keeps none: leave one of them out$"):
        train.main(["--data", "nowhere", "--found-share", "0.1", "--litemedsam", "x.pth", "--cut", "stage2", "--model", "paper"])
