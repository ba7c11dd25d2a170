import TestSupport
import Testing

extension NamespaceTests {
    @Suite("Real programs", .serialized)
    struct RealProgramTests {
        @Test("they work through the kernel", arguments: RealPrograms.scenes.names)
        func kernel(name: String) throws { try RealPrograms.scenes.play(name, on: .kernel) }

        @Test("they work through Martlet", .needsMartlet, arguments: RealPrograms.scenes.names, RouterKind.martlets)
        func martlet(name: String, kind: RouterKind) throws { try RealPrograms.scenes.play(name, on: kind) }
    }
}
