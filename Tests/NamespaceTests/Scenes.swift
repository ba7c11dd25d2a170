import TestSupport
import Testing

/// What programs do through a router, by names for the test's list: each with the kernel as the router first, and what fails there is wrong
/// with the scene.
struct Scenes: Sendable {
    typealias Play = @Sendable (RouterKind) throws -> Void

    let names: [String]
    private let plays: [String: Play]

    init(_ list: [(name: String, play: Play)]) {
        names = list.map(\.name)
        plays = Dictionary(uniqueKeysWithValues: list.map { ($0.name, $0.play) })
    }

    func play(_ name: String, on kind: RouterKind) throws {
        let play = try #require(plays[name])
        try play(kind)
    }
}
