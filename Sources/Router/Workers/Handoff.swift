import Dataplane

/// A ring of frames from one worker to another: from whoever decided that a frame leaves by a port to the one that serves the port's
/// queue.
typealias Handoff = OneWayRing<Departure>
