import TestSupport
import Testing

extension NamespaceTests {
    @Suite("Real programs", .serialized)
    struct RealProgramTests {
        static let names = RealPrograms.all.map(\.name)

        static func run(_ name: String, _ kind: RouterKind) throws {
            try #require(RealPrograms.all.first { $0.name == name }).run(kind)
        }

        @Test("they work through the kernel", arguments: names)
        func kernel(name: String) throws { try Self.run(name, .kernel) }

        @Test("they work through Martlet", .needsMartlet, arguments: names, RouterKind.martlets)
        func martlet(name: String, kind: RouterKind) throws { try Self.run(name, kind) }
    }
}
