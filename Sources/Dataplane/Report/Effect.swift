import Net
import Synchronization

/// Anything a burst wants done outside of it.
public enum Effect: Sendable, Equatable {
    /// A next hop without a known Ethernet address: ask for it.
    case resolve(port: PortIndex, address: IPv4Address, isGateway: Bool)
    /// A next hop in use whose Ethernet address has grown old: have it confirmed.
    case refresh(port: PortIndex, address: IPv4Address, isGateway: Bool)
    /// NAT found no port: all that a rule allows are taken at `address` toward a destination. At most one a second.
    case portsExhausted(
        ipProtocol: IPProtocol, address: IPv4Address, destination: IPv4Address, destinationPort: UInt16)
}

/// The ring from one worker to the slow side. A full one loses effects with a count and never delays a packet.
@safe public struct EffectRing: Sendable {
    private let ring: OneWayRing<Effect>
    private let losses = Slab<Atomic<UInt64>>(count: 1)

    /// - Parameter capacity: effects that it holds, a power of two.
    public init(capacity: Int = 4096) { ring = OneWayRing(capacity: capacity) }

    @inline(__always)
    func push(_ effect: Effect) {
        if !ring.push(effect) { losses[0].store(losses[0].load(ordering: .relaxed) &+ 1, ordering: .relaxed) }
    }

    /// The oldest effect, taken out; for one reader.
    public func pop() -> Effect? { ring.pop() }

    public var isEmpty: Bool { ring.isEmpty }

    /// Effects lost so far.
    public var lost: UInt64 { losses[0].load(ordering: .relaxed) }
}
