import Glibc
import TestSupport
import Testing

extension NamespaceTests {
    /// The endurance run in small. `make soak` runs it for MINUTES, which is what SOAK_MINUTES says.
    @Suite("Soak", .serialized)
    struct SoakTests {
        private static func minutes(otherwise: Double) -> Double {
            guard let text = unsafe getenv("SOAK_MINUTES") else { return otherwise }
            return unsafe Double(String(cString: text)) ?? otherwise
        }

        @Test("the kernel endures a little of it: the traffic itself is right")
        func kernel() throws {
            for line in try Soak(.kernel).run(minutes: 0.2) { print(line) }
        }

        @Test("Martlet endures mixed traffic, reloads and flapping links with balanced books", .needsMartlet)
        func martlet() throws {
            for line in try Soak(.martlet(workers: 2)).run(minutes: Self.minutes(otherwise: 0.6)) { print(line) }
        }
    }
}
