"""`quarterdeck tour`: the claims that matter most, tried on this machine in front of whoever watches.

- `programme` which scenes are there, in which order, and how does the command end?
- `account`   what is told of a scene, and how does it look?
- `stage`     the folder, the gateway, its stand-ins: what every scene plays on
- `messenger` what can be done to a messenger's stand-in, and what it has logged
- `home`      what does a signed-in browser read on the console's first page?
- `kill`      does a killed gateway lose, repeat or disorder anything?
- `takeover`  does another gateway go on where one was killed?
- `database`  a database of the tour's own for that
- `deaf`      is a connection that hears nothing, or is shut out, found before anybody complains?
- `chatlog`   what did people see, by the messenger's own log?
- `proof`     is a record that was changed found out?

A scene gets the stage and an account of itself, does things to real child processes, and judges by what the other
side wrote down, never by what the gateway says of itself.
"""
