@testable import Dataplane

/// What writes scripts of one protocol's packets: ways into each state, and packets of every kind that follow.
protocol TrackingScripts {
    associatedtype Kind: CaseIterable
    /// What a packet of a kind may have wrong, or not.
    associatedtype Variation: CaseIterable

    /// The ways into each state of the protocol's table, with what tracking remembers besides.
    static var ways: [(String, @Sendable (inout Self) -> Void)] { get }
    /// A kind that tells by its verdict what the packet before has left behind.
    static var probe: Kind { get }

    init()
    var script: TwinScript { get }
    /// - Parameter variation: nil for the kind's usual one.
    mutating func add(_ isReply: Bool, _ kind: Kind, varied variation: Variation?)
}

extension TrackingScripts {
    /// From each way, one packet of every kind, side and variation, and two more that tell what it has left behind.
    static func everyCell() -> [TwinScript] {
        var scripts: [TwinScript] = []
        for (_, way) in ways {
            for isReply in [false, true] {
                for kind in Kind.allCases {
                    for variation in Variation.allCases {
                        var script = Self()
                        way(&script)
                        script.add(isReply, kind, varied: variation)
                        script.add(!isReply, probe, varied: nil)
                        script.add(isReply, probe, varied: nil)
                        scripts.append(script.script)
                    }
                }
            }
        }
        return scripts
    }

    /// Two steps and some more after any way, each a packet that `step` chooses.
    static func walks(
        _ count: Int, seed: UInt64, more: UInt32, _ step: (inout Self, inout RandomSource) -> Void
    ) -> [TwinScript] {
        var random = RandomSource(seed: seed)
        return (0..<count).map { _ in
            var script = Self()
            random.pick(ways).1(&script)
            for _ in 0..<(2 + random.next(below: more)) { step(&script, &random) }
            return script.script
        }
    }
}

extension RandomSource {
    mutating func pick<T>(_ list: [T]) -> T { list[Int(next(below: UInt32(list.count)))] }
}
