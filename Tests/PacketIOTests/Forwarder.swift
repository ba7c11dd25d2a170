import CXDP
import Net
import PacketIO

/// The smallest worker: takes frames from rings, lets a closure say what becomes of each, and sends. It owns every chunk
/// of a piece of memory and knows at any time where each one is.
final class Forwarder {
    let umem: Umem
    private(set) var free: [UInt64]
    private(set) var rings: [Ring] = []
    /// Frames seen, by port.
    private(set) var received: [UInt8: Int] = [:]

    init(_ umem: Umem) {
        self.umem = umem
        free = (0..<UInt64(umem.frameCount)).map { $0 * UInt64(umem.frameSize) }
    }

    func add(_ port: AttachedPort, chunks: Int = 256) {
        for ring in port.rings {
            rings.append(ring)
            refill(ring, upTo: chunks)
        }
    }

    /// Chunks that are in nobody's hands: 0 unless frames were lost or counted twice.
    var missing: Int {
        rings.reduce(umem.frameCount - free.count) { left, ring in
            let occupancy = ring.occupancy()
            return left - occupancy.heldForReceive - occupancy.heldForTransmit
        }
    }

    /// One round over all rings. `handle` gets the frame and says by which ring it goes on, or nil to drop it.
    func turn(_ handle: (inout FrameDescriptor, UnsafeMutableRawPointer) -> Ring?) {
        var burst = [FrameDescriptor](repeating: FrameDescriptor(address: 0, length: 0, port: .none), count: 64)
        for ring in rings {
            let count = unsafe burst.withUnsafeMutableBufferPointer { unsafe ring.receive(into: $0) }
            received[ring.port.rawValue, default: 0] += count
            for index in 0..<count {
                var frame = burst[index]
                let chunk = umem.chunk(of: frame.address)
                guard let egress = unsafe handle(&frame, umem.memory + Int(frame.address)) else {
                    free.append(chunk)
                    continue
                }
                let taken = unsafe withUnsafePointer(to: frame) { unsafe egress.transmit(UnsafeBufferPointer(start: $0, count: 1)) }
                if taken == 0 { free.append(chunk) }
            }
            refill(ring, upTo: 256)
        }
        for ring in rings {
            _ = ring.kick()
            var chunks = [UInt64](repeating: 0, count: 64)
            while true {
                let count = unsafe chunks.withUnsafeMutableBufferPointer { unsafe ring.complete(into: $0) }
                free += chunks[..<count]
                if count < 64 { break }
            }
        }
    }

    /// Turns until a condition holds or the time is over.
    func run(seconds: Double, until done: () -> Bool, _ handle: (inout FrameDescriptor, UnsafeMutableRawPointer) -> Ring?) {
        let end = now() + UInt64(seconds * 1e9)
        while !done(), now() < end {
            var waiting = rings.map { pollfd(fd: $0.fileDescriptor, events: Int16(POLLIN), revents: 0) }
            _ = unsafe poll(&waiting, UInt(waiting.count), 5)
            unsafe turn(handle)
        }
    }

    private func refill(_ ring: Ring, upTo wanted: Int) {
        let room = min(wanted - ring.occupancy().heldForReceive, ring.fillRoom, free.count)
        guard room > 0 else { return }
        let given = unsafe free.suffix(room).withUnsafeBufferPointer { unsafe ring.refill($0) }
        free.removeLast(given)
    }
}

/// CLOCK_MONOTONIC.
func now() -> UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
