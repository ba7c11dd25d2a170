import CXDP
import Glibc
import Net

/// What a `Ring` points to: one AF_XDP socket, its four rings as mapped, and how many frames went each way.
///
/// The rings and the numbers are written by the thread that uses the ring; other threads read the numbers.
@unsafe struct RingState {
    var receive = unsafe xsk_ring_cons()
    var transmit = unsafe xsk_ring_prod()
    var fill = unsafe xsk_ring_prod()
    var completion = unsafe xsk_ring_cons()
    var descriptor: Int32
    var queue: UInt32
    var port: PortIndex
    var canTransmit: Bool
    /// Clears the offset within a chunk.
    var chunkMask: UInt64
    var refilled: UInt64 = 0
    var received: UInt64 = 0
    var transmitted: UInt64 = 0
    var completed: UInt64 = 0
    /// The mappings, to be undone: start and length of each.
    var mappings = unsafe [UnsafeMutableRawBufferPointer]()

    /// One writer: a load and a store, no atomic addition. Wrapping is meant; it takes centuries.
    @inline(__always)
    static func add(_ count: UInt32, to number: UnsafeMutablePointer<UInt64>) {
        unsafe martlet_store_number(number, number.pointee &+ UInt64(count))
    }
}

/// Numbers of the kernel about one socket since it was opened (XDP_STATISTICS, linux/if_xdp.h), in frames.
public struct RingStatistics: Sendable, Codable, Hashable {
    /// Lost on receiving for other reasons, such as being longer than a chunk.
    public var receiveDropped: UInt64
    /// Refused chunk addresses of the fill ring.
    public var invalidFill: UInt64
    /// Refused frames of the transmit ring.
    public var invalidTransmit: UInt64
    /// Lost because the receive ring was full.
    public var receiveRingFull: UInt64
    /// Times that the fill ring was empty when a chunk was needed.
    public var fillRingEmpty: UInt64
    /// Times that the kernel found the transmit ring empty.
    public var transmitRingEmpty: UInt64
}

/// How full the four rings are, and how many chunks the kernel holds.
public struct RingOccupancy: Sendable, Codable, Hashable {
    /// Chunks waiting for frames.
    public var fill: Int
    /// Frames waiting to be received.
    public var receive: Int
    /// Frames the kernel has not yet looked at.
    public var transmit: Int
    /// Chunks waiting to be taken back.
    public var completion: Int
    /// All chunks given by `refill` and not yet received: those of the fill and receive rings, and the driver's.
    public var heldForReceive: Int
    /// All frames given by `transmit` and not yet completed: those of the two rings, and what is under way.
    public var heldForTransmit: Int
}

extension Ring {
    /// - Returns: nil if the socket is closed.
    public func statistics() -> RingStatistics? {
        var numbers = xdp_statistics()
        var size = socklen_t(MemoryLayout<xdp_statistics>.size)
        guard unsafe getsockopt(fileDescriptor, SOL_XDP, XDP_STATISTICS, &numbers, &size) == 0 else { return nil }
        return RingStatistics(
            receiveDropped: numbers.rx_dropped, invalidFill: numbers.rx_invalid_descs,
            invalidTransmit: numbers.tx_invalid_descs, receiveRingFull: numbers.rx_ring_full,
            fillRingEmpty: numbers.rx_fill_ring_empty_descs, transmitRingEmpty: numbers.tx_ring_empty_descs)
    }

    /// A snapshot. Asked by another thread than the ring's it is near the truth; by the ring's own, exact.
    public func occupancy() -> RingOccupancy {
        func filled(_ producer: UnsafeMutablePointer<UInt32>?, _ consumer: UnsafeMutablePointer<UInt32>?) -> Int {
            guard let producer = unsafe producer, let consumer = unsafe consumer else { return 0 }
            return unsafe Int(martlet_load_cursor(producer) &- martlet_load_cursor(consumer))
        }
        func difference(_ more: UnsafePointer<UInt64>, _ less: UnsafePointer<UInt64>) -> Int {
            // The smaller first: it only grows, so that the difference is never negative.
            let taken = unsafe martlet_load_number(less)
            return unsafe Int(martlet_load_number(more) &- taken)
        }
        return unsafe RingOccupancy(
            fill: filled(state.pointee.fill.producer, state.pointee.fill.consumer),
            receive: filled(state.pointee.receive.producer, state.pointee.receive.consumer),
            transmit: filled(state.pointee.transmit.producer, state.pointee.transmit.consumer),
            completion: filled(state.pointee.completion.producer, state.pointee.completion.consumer),
            heldForReceive: difference(&state.pointee.refilled, &state.pointee.received),
            heldForTransmit: difference(&state.pointee.transmitted, &state.pointee.completed))
    }

    /// XDP_OPTIONS_ZEROCOPY, read back: what was asked for is not always what a driver does.
    func isZeroCopy() -> Bool {
        var options = xdp_options()
        var size = socklen_t(MemoryLayout<xdp_options>.size)
        guard unsafe getsockopt(fileDescriptor, SOL_XDP, XDP_OPTIONS, &options, &size) == 0 else { return false }
        return options.flags & UInt32(XDP_OPTIONS_ZEROCOPY) != 0
    }
}
