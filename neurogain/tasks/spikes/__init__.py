"""Classification of spikes: generators of examples from a key, codes of images, files of events."""

from neurogain.tasks.spikes.coding import latency as latency
from neurogain.tasks.spikes.coding import rate as rate
from neurogain.tasks.spikes.coding import rows as rows
from neurogain.tasks.spikes.events import EventFile as EventFile
from neurogain.tasks.spikes.randman import randman as randman
from neurogain.tasks.spikes.xor import delayed_xor as delayed_xor
from neurogain.tasks.spikes.xor import multi_timescale_xor as multi_timescale_xor
from neurogain.tasks.spikes.yin_yang import yin_yang as yin_yang
