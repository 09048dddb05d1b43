-- expand
-- What is not ended, the oldest first: after a start lanes are looked at in this order.

CREATE INDEX inbox_open ON inbox (tenant, id) WHERE state <> 'ended';
