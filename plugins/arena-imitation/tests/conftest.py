"""One thread for torch, as in play: more would only wait for each other beside other tests."""

import torch

torch.set_num_threads(1)
