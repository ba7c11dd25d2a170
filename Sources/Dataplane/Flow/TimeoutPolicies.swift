import Net
import Synchronization

/// Timeouts that rules give to single flows (`-j CT --timeout`; net/netfilter/nfnetlink_cttimeout.c). A flow names its policy by
/// number; what a policy says may change while flows follow it, and holds for the next packet of each.
///
/// The slow side writes, workers read: each value for itself, in nanoseconds, so a burst may see one value changed and the other not yet.
/// A number is never given to a policy of another name while the router runs.
@safe public struct TimeoutPolicies: @unchecked Sendable {
    /// The most policies there may be: a flow has one byte for the number, and 0 stands for none.
    public static let limit = 255
    /// The most states that a protocol has timeouts for.
    static let slots = 16

    /// The places of a protocol's timeouts in its policy, in the order of CTA_TIMEOUT_TCP_… and its likes
    /// (uapi/linux/netfilter/nfnetlink_cttimeout.h).
    public enum TCPSlot: Int, Sendable {
        case synSent, synReceived, established, finWait, closeWait, lastAck, timeWait, close, synSent2, retransmission, unacknowledged
    }

    /// Of UDP, UDP-Lite and GRE the second one is that of a stream.
    static let unreplied = 0
    static let replied = 1

    private let values: Slab<Atomic<UInt64>>

    init() { values = Slab(count: (Self.limit + 1) * Self.slots) }

    /// - Parameters:
    ///   - number: 1 to `limit`.
    ///   - timeouts: in nanoseconds, in the order of the protocol's slots.
    public func set(_ number: UInt8, _ timeouts: [UInt64]) {
        for (slot, value) in timeouts.prefix(Self.slots).enumerated() {
            values[Int(number) * Self.slots + slot].store(value, ordering: .relaxed)
        }
    }

    /// In nanoseconds.
    @inline(__always)
    func timeout(_ number: UInt8, _ slot: Int) -> UInt64 {
        values[Int(number) &* Self.slots &+ slot].load(ordering: .relaxed)
    }

    /// Those of SCTP, whose slots are in the order of `SCTPTimeouts`.
    @inline(never)
    func sctp(_ number: UInt8) -> SCTPTimeouts {
        var timeouts = SCTPTimeouts()
        timeouts.closed = timeout(number, 0)
        timeouts.cookieWait = timeout(number, 1)
        timeouts.cookieEchoed = timeout(number, 2)
        timeouts.established = timeout(number, 3)
        timeouts.shutdownSent = timeout(number, 4)
        timeouts.shutdownReceived = timeout(number, 5)
        timeouts.shutdownAckSent = timeout(number, 6)
        timeouts.heartbeatSent = timeout(number, 7)
        return timeouts
    }

    /// How TCP is tracked under a policy.
    @inline(never)
    func tcp(_ number: UInt8, _ settings: TCPSettings) -> TCPSettings {
        func value(_ slot: TCPSlot) -> UInt64 { timeout(number, slot.rawValue) }
        var settings = settings
        settings.timeouts.synSent = value(.synSent)
        settings.timeouts.synReceived = value(.synReceived)
        settings.timeouts.established = value(.established)
        settings.timeouts.finWait = value(.finWait)
        settings.timeouts.closeWait = value(.closeWait)
        settings.timeouts.lastAck = value(.lastAck)
        settings.timeouts.timeWait = value(.timeWait)
        settings.timeouts.close = value(.close)
        settings.timeouts.synSent2 = value(.synSent2)
        settings.timeouts.retransmission = value(.retransmission)
        settings.timeouts.unacknowledged = value(.unacknowledged)
        return settings
    }
}
