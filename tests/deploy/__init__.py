"""Files for programs around the gateway: are they right, and do they ask for what there is?"""
