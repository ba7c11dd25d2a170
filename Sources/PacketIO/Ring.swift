import CXDP
import Glibc
import Net

/// The four rings of one queue of one port. Frames that came in are received, chunks for later ones refilled; frames to
/// send are transmitted, and completed once they are gone.
///
/// A value is a handle: copies mean the same rings. AF_XDP rings have one producer and one consumer, so one thread uses
/// them at a time; `fileDescriptor`, `statistics` and `occupancy` may be asked by any. No handle may be used once its
/// port was detached.
@safe public struct Ring: @unchecked Sendable {
    let state: UnsafeMutablePointer<RingState>

    /// The port that received frames name.
    public var port: PortIndex { unsafe state.pointee.port }
    /// Number of the queue on its device, from 0.
    public var queue: UInt32 { unsafe state.pointee.queue }
    /// The socket, for poll(2): readable when frames wait, writable when the transmit ring has room.
    public var fileDescriptor: Int32 { unsafe state.pointee.descriptor }
    /// Whether the device can send by this queue; one with fewer transmit than receive queues has some that cannot.
    public var canTransmit: Bool { unsafe state.pointee.canTransmit }
    /// Entries of each of the four rings.
    public var capacity: Int { unsafe Int(state.pointee.fill.size) }

    /// Takes up to `frames.count` received frames. They belong to the caller from now on.
    ///
    /// - Returns: how many were written to the beginning of `frames`.
    public func receive(into frames: UnsafeMutableBufferPointer<FrameDescriptor>) -> Int {
        var start: UInt32 = 0
        let count = unsafe xsk_ring_cons__peek(&state.pointee.receive, UInt32(truncatingIfNeeded: frames.count), &start)
        guard count > 0 else { return 0 }
        let port = self.port
        for offset in 0..<count {
            let entry = unsafe xsk_ring_cons__rx_desc(&state.pointee.receive, start &+ offset)!
            unsafe frames[Int(offset)] = FrameDescriptor(
                address: entry.pointee.addr, length: entry.pointee.len, port: port)
        }
        unsafe xsk_ring_cons__release(&state.pointee.receive, count)
        unsafe RingState.add(count, to: &state.pointee.received)
        return Int(count)
    }

    /// How many chunks `refill` can take now.
    public var fillRoom: Int {
        unsafe Int(xsk_prod_nb_free(&state.pointee.fill, state.pointee.fill.size))
    }

    /// Gives chunks, by the addresses of their first bytes, for frames to come.
    ///
    /// - Returns: how many from the beginning of `chunks` the ring took; the rest stay the caller's.
    public func refill(_ chunks: UnsafeBufferPointer<UInt64>) -> Int {
        let wanted = UInt32(truncatingIfNeeded: chunks.count)
        let count = unsafe min(wanted, xsk_prod_nb_free(&state.pointee.fill, wanted))
        var start: UInt32 = 0
        guard count > 0, unsafe xsk_ring_prod__reserve(&state.pointee.fill, count, &start) == count else { return 0 }
        for offset in 0..<count {
            unsafe xsk_ring_prod__fill_addr(&state.pointee.fill, start &+ offset)!.pointee = chunks[Int(offset)]
        }
        unsafe xsk_ring_prod__submit(&state.pointee.fill, count)
        unsafe RingState.add(count, to: &state.pointee.refilled)
        return Int(count)
    }

    /// Tells a driver that ran out of chunks to look at the fill ring again, if there are some now. Zero-copy drivers ask for it (XDP_RING_NEED_WAKEUP,
    /// xsk_set_rx_need_wakeup in net/xdp/xsk.c); until told so, by this, `kick` or poll(2), they receive nothing. To be called in every round: the driver may
    /// ask after the chunks were given.
    ///
    /// - Returns: whether it was told.
    @inline(__always)
    @discardableResult
    public func wakeReceiver() -> Bool {
        guard unsafe xsk_ring_prod__needs_wakeup(&state.pointee.fill) != 0, chunksWaiting > 0 else { return false }
        recvfrom(fileDescriptor, nil, 0, Int32(MSG_DONTWAIT), nil, nil)
        return true
    }

    /// Chunks in the fill ring that the kernel has not taken.
    private var chunksWaiting: UInt32 {
        unsafe martlet_load_cursor(state.pointee.fill.producer) &- martlet_load_cursor(state.pointee.fill.consumer)
    }

    /// Gives frames to be sent. They may begin anywhere in their chunks and must end in the same chunk; their `port` is
    /// not looked at. Nothing leaves until `kick`.
    ///
    /// - Returns: how many from the beginning of `frames` the ring took; the rest stay the caller's.
    public func transmit(_ frames: UnsafeBufferPointer<FrameDescriptor>) -> Int {
        guard canTransmit else { return 0 }
        let wanted = UInt32(truncatingIfNeeded: frames.count)
        let count = unsafe min(wanted, xsk_prod_nb_free(&state.pointee.transmit, wanted))
        var start: UInt32 = 0
        guard count > 0, unsafe xsk_ring_prod__reserve(&state.pointee.transmit, count, &start) == count else { return 0 }
        for offset in 0..<count {
            let frame = unsafe frames[Int(offset)]
            unsafe xsk_ring_prod__tx_desc(&state.pointee.transmit, start &+ offset)!.pointee = xdp_desc(
                addr: frame.address, len: frame.length, options: 0)
        }
        unsafe xsk_ring_prod__submit(&state.pointee.transmit, count)
        unsafe RingState.add(count, to: &state.pointee.transmitted)
        return Int(count)
    }

    /// Takes back up to `chunks.count` chunks, by the addresses of their first bytes, whose frames were sent or lost.
    ///
    /// - Returns: how many were written to the beginning of `chunks`.
    public func complete(into chunks: UnsafeMutableBufferPointer<UInt64>) -> Int {
        var start: UInt32 = 0
        let wanted = UInt32(truncatingIfNeeded: chunks.count)
        let count = unsafe xsk_ring_cons__peek(&state.pointee.completion, wanted, &start)
        guard count > 0 else { return 0 }
        let mask = unsafe state.pointee.chunkMask
        for offset in 0..<count {
            // The kernel gives back the address that was transmitted, wherever in the chunk that was.
            unsafe chunks[Int(offset)] = xsk_ring_cons__comp_addr(&state.pointee.completion, start &+ offset)!.pointee & mask
        }
        unsafe xsk_ring_cons__release(&state.pointee.completion, count)
        unsafe RingState.add(count, to: &state.pointee.completed)
        return Int(count)
    }

    /// What became of a kick.
    public enum Kick: UInt8, Sendable {
        /// Nothing waited, or the driver needs no telling.
        case idle
        /// The kernel took all that waited.
        case sent
        /// Some still wait, for completions to be taken or for the device: kick again after `complete`.
        case busy
        /// The device or its peer refused frames (EBUSY), which were lost; their chunks complete like any.
        case lost
        /// The link is down (ENETDOWN): what waits goes out when it is up again.
        case linkDown
        /// The device is gone (ENXIO, EBADF …): the port should be detached.
        case gone
    }

    /// Tells the kernel to look at the fill and transmit rings, if it wants telling. A full transmit ring is a reason to
    /// kick, not to wait.
    ///
    /// The kernel sends a limited number of frames a call and says EAGAIN; the call is repeated for as long as each
    /// moves something.
    public func kick() -> Kick {
        wakeReceiver()
        guard canTransmit, unsafe xsk_ring_prod__needs_wakeup(&state.pointee.transmit) != 0 else { return .idle }

        var result = Kick.idle
        var waiting = framesWaiting
        while waiting > 0 {
            if sendto(fileDescriptor, nil, 0, Int32(MSG_DONTWAIT), nil, 0) >= 0 {
                // No error and frames left: the completion ring has no room for them.
                if framesWaiting > 0 { return .busy }
                return result == .lost ? .lost : .sent
            }
            switch errno {
            case EAGAIN, EINTR, ENOBUFS: break
            case EBUSY: result = .lost
            case ENETDOWN: return .linkDown
            default: return .gone
            }
            let left = framesWaiting
            guard left < waiting else { return result == .lost ? .lost : .busy }
            waiting = left
            if result != .lost { result = .sent }
        }
        return result
    }

    /// Frames in the transmit ring that the kernel has not looked at.
    private var framesWaiting: UInt32 {
        unsafe martlet_load_cursor(state.pointee.transmit.producer)
            &- martlet_load_cursor(state.pointee.transmit.consumer)
    }
}
