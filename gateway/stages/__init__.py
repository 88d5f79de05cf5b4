"""The five stages that move a flow, and the two errands to and from the State; each gathers, decides, writes."""
