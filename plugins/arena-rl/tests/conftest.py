"""One thread for torch, as in play: more would only wait for each other beside other tests."""

import torch
from unhurried import load_profile

torch.set_num_threads(1)
load_profile()
