import TestSupport
import Testing
import Twins

@Suite("Random twins", .serialized)
struct RandomTwinTests {}
