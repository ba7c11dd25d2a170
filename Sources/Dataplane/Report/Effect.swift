import Net
import Synchronization

/// Anything a burst wants done outside of it.
public enum Effect: Sendable, Equatable {
    /// A next hop without a known Ethernet address: ask for it.
    case resolve(port: PortIndex, address: IPv4Address, isGateway: Bool)
    /// A next hop in use whose Ethernet address has grown old: have it confirmed.
    case refresh(port: PortIndex, address: IPv4Address, isGateway: Bool)
}

/// A bounded ring from one worker to the slow side. A full ring loses effects with a count and never delays a packet.
@safe public struct EffectRing: @unchecked Sendable {
    private struct Cursors: ~Copyable {
        let head: Atomic<UInt64>
        var padding: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)
        let tail: Atomic<UInt64>
        let lost: Atomic<UInt64>
    }

    private let cursors: Slab<Cursors>
    private let effects: Slab<Effect>

    /// - Parameter capacity: effects that it holds, a power of two.
    public init(capacity: Int = 4096) {
        precondition(capacity & (capacity - 1) == 0)
        cursors = Slab(count: 1)
        effects = Slab(count: capacity)
    }

    @inline(__always)
    func push(_ effect: Effect) {
        let head = cursors[0].head.load(ordering: .relaxed)
        guard head &- cursors[0].tail.load(ordering: .acquiring) < UInt64(effects.count) else {
            cursors[0].lost.store(cursors[0].lost.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
            return
        }
        effects[Int(head) & (effects.count - 1)] = effect
        cursors[0].head.store(head &+ 1, ordering: .releasing)
    }

    /// The oldest effect, taken out; for one reader.
    public func pop() -> Effect? {
        let tail = cursors[0].tail.load(ordering: .relaxed)
        guard tail != cursors[0].head.load(ordering: .acquiring) else { return nil }
        let effect = effects[Int(tail) & (effects.count - 1)]
        cursors[0].tail.store(tail &+ 1, ordering: .releasing)
        return effect
    }

    public var isEmpty: Bool {
        cursors[0].tail.load(ordering: .relaxed) == cursors[0].head.load(ordering: .acquiring)
    }

    /// Effects lost so far.
    public var lost: UInt64 { cursors[0].lost.load(ordering: .relaxed) }
}
