import CXDP
import Glibc
import Net

/// What it takes to open one queue's socket.
struct RingSetup {
    var name: String
    var link: UInt32
    var port: PortIndex
    var queue: UInt32
    var canTransmit: Bool
    /// Entries of each ring, a power of two.
    var ringSize: UInt32
    var umem: Umem
    /// The port's first socket, which registered the memory; nil to open that one.
    var first: Int32?
    var zeroCopy: Bool
}

extension Ring {
    /// Opens, maps and binds. EBUSY is retried for two seconds: a queue is free again only some time after the socket
    /// that had it was closed.
    init(_ setup: RingSetup) throws(PacketIOError) {
        let descriptor = socket(AF_XDP, Int32(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else {
            throw PacketIOError(
                "open an AF_XDP socket", port: setup.name, code: errno,
                advice: errno == EAFNOSUPPORT ? "the kernel lacks CONFIG_XDP_SOCKETS" : "run as root, or with CAP_NET_RAW")
        }
        let state = UnsafeMutablePointer<RingState>.allocate(capacity: 1)
        unsafe state.initialize(
            to: RingState(
                descriptor: descriptor, queue: setup.queue, port: setup.port, canTransmit: setup.canTransmit,
                chunkMask: ~UInt64(setup.umem.frameSize - 1)))
        unsafe self.state = state
        do {
            if setup.first == nil { try register(setup) }
            try makeRings(setup)
            try bind(setup)
        } catch {
            close()
            throw error
        }
    }

    /// Closes the socket and gives the rings' memory back. No copy of this value may be used afterwards.
    func close() {
        for unsafe mapping in unsafe state.pointee.mappings { unsafe munmap(mapping.baseAddress, mapping.count) }
        Glibc.close(fileDescriptor)
        unsafe state.deinitialize(count: 1)
        unsafe state.deallocate()
    }

    private func register(_ setup: RingSetup) throws(PacketIOError) {
        var registration = xdp_umem_reg()
        registration.addr = UInt64(unsafe UInt(bitPattern: setup.umem.memory))
        registration.len = UInt64(setup.umem.byteCount)
        registration.chunk_size = UInt32(setup.umem.frameSize)
        guard
            unsafe setsockopt(
                fileDescriptor, SOL_XDP, XDP_UMEM_REG, &registration, socklen_t(MemoryLayout<xdp_umem_reg>.size)) == 0
        else {
            throw PacketIOError(
                "register \(setup.umem.byteCount) bytes for frames", port: setup.name, code: errno,
                advice: errno == ENOBUFS ? "raise the limit of locked memory (ulimit -l), or run with CAP_IPC_LOCK" : nil)
        }
    }

    private func makeRings(_ setup: RingSetup) throws(PacketIOError) {
        try set(XDP_UMEM_FILL_RING, to: setup.ringSize, setup)
        try set(XDP_UMEM_COMPLETION_RING, to: setup.ringSize, setup)
        try set(XDP_RX_RING, to: setup.ringSize, setup)
        if setup.canTransmit {
            try set(XDP_TX_RING, to: setup.ringSize, setup)
            // Unknown before Linux 6.18, where 32 frames a call it is; the kick repeats either way.
            var budget = min(setup.ringSize, 512)
            unsafe setsockopt(fileDescriptor, SOL_XDP, martlet_xdp_max_tx_skb_budget, &budget, 4)
            // Copies under way count against the send buffer, which by default holds fewer than a ring. They cannot be
            // more than the chunks, each with its kernel structures.
            var room = Int32(clamping: Int(setup.ringSize) * (setup.umem.frameSize + 1024))
            unsafe setsockopt(fileDescriptor, SOL_SOCKET, SO_SNDBUFFORCE, &room, 4)
        }

        var offsets = xdp_mmap_offsets()
        var size = socklen_t(MemoryLayout<xdp_mmap_offsets>.size)
        guard unsafe getsockopt(fileDescriptor, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &size) == 0 else {
            throw PacketIOError("read the rings' layout", port: setup.name, code: errno)
        }
        let descriptor = MemoryLayout<xdp_desc>.stride
        let address = MemoryLayout<UInt64>.stride
        try unsafe state.pointee.fill = producer(offsets.fr, UInt64(XDP_UMEM_PGOFF_FILL_RING), address, setup)
        try unsafe state.pointee.completion = consumer(
            offsets.cr, UInt64(XDP_UMEM_PGOFF_COMPLETION_RING), address, setup)
        try unsafe state.pointee.receive = consumer(offsets.rx, UInt64(XDP_PGOFF_RX_RING), descriptor, setup)
        if setup.canTransmit {
            try unsafe state.pointee.transmit = producer(offsets.tx, UInt64(XDP_PGOFF_TX_RING), descriptor, setup)
        }
    }

    private func bind(_ setup: RingSetup) throws(PacketIOError) {
        var address = sockaddr_xdp()
        address.sxdp_family = UInt16(AF_XDP)
        address.sxdp_ifindex = setup.link
        address.sxdp_queue_id = setup.queue
        if let first = setup.first {
            // The mode is the first socket's; the kernel takes no other flag beside this one.
            address.sxdp_flags = UInt16(XDP_SHARED_UMEM)
            address.sxdp_shared_umem_fd = UInt32(first)
        } else {
            address.sxdp_flags = UInt16(setup.zeroCopy ? XDP_ZEROCOPY : XDP_COPY) | UInt16(XDP_USE_NEED_WAKEUP)
        }
        var attempts = 40
        while true {
            let size = socklen_t(MemoryLayout<sockaddr_xdp>.size)
            let code = unsafe withUnsafePointer(to: &address) { address in
                unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                    unsafe Glibc.bind(fileDescriptor, address, size) == 0 ? 0 : errno
                }
            }
            guard code != 0 else { return }
            attempts -= 1
            guard code == EBUSY, attempts > 0 else {
                throw PacketIOError(
                    "bind queue \(setup.queue)", port: setup.name, code: code,
                    advice: code == EBUSY ? "another program has an AF_XDP socket on this queue" : nil)
            }
            usleep(50_000)
        }
    }

    private func set(_ option: Int32, to entries: UInt32, _ setup: RingSetup) throws(PacketIOError) {
        var entries = entries
        guard unsafe setsockopt(fileDescriptor, SOL_XDP, option, &entries, 4) == 0 else {
            throw PacketIOError("make a ring of \(entries) entries", port: setup.name, code: errno)
        }
    }

    /// Maps one ring as the kernel lays it out: cursors and flags at their offsets, then `stride` bytes an entry.
    private func map(
        _ offsets: xdp_ring_offset, _ page: UInt64, _ stride: Int, _ setup: RingSetup
    ) throws(PacketIOError) -> UnsafeMutableRawPointer {
        let length = Int(offsets.desc) + Int(setup.ringSize) * stride
        let mapped = unsafe mmap(
            nil, length, PROT_READ | PROT_WRITE, MAP_SHARED | Int32(MAP_POPULATE), fileDescriptor, off_t(page))
        guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else {
            throw PacketIOError("map a ring", port: setup.name, code: errno)
        }
        unsafe state.pointee.mappings.append(UnsafeMutableRawBufferPointer(start: mapped, count: length))
        return unsafe mapped
    }

    private func producer(
        _ offsets: xdp_ring_offset, _ page: UInt64, _ stride: Int, _ setup: RingSetup
    ) throws(PacketIOError) -> xsk_ring_prod {
        let base = try unsafe map(offsets, page, stride, setup)
        var ring = unsafe xsk_ring_prod()
        unsafe ring.mask = setup.ringSize - 1
        unsafe ring.size = setup.ringSize
        unsafe ring.producer = (base + Int(offsets.producer)).assumingMemoryBound(to: UInt32.self)
        unsafe ring.consumer = (base + Int(offsets.consumer)).assumingMemoryBound(to: UInt32.self)
        unsafe ring.flags = (base + Int(offsets.flags)).assumingMemoryBound(to: UInt32.self)
        unsafe ring.ring = base + Int(offsets.desc)
        // The inline functions of libxdp want the consumer's cursor a ring ahead.
        unsafe ring.cached_cons = setup.ringSize
        return unsafe ring
    }

    private func consumer(
        _ offsets: xdp_ring_offset, _ page: UInt64, _ stride: Int, _ setup: RingSetup
    ) throws(PacketIOError) -> xsk_ring_cons {
        let base = try unsafe map(offsets, page, stride, setup)
        var ring = unsafe xsk_ring_cons()
        unsafe ring.mask = setup.ringSize - 1
        unsafe ring.size = setup.ringSize
        unsafe ring.producer = (base + Int(offsets.producer)).assumingMemoryBound(to: UInt32.self)
        unsafe ring.consumer = (base + Int(offsets.consumer)).assumingMemoryBound(to: UInt32.self)
        unsafe ring.flags = (base + Int(offsets.flags)).assumingMemoryBound(to: UInt32.self)
        unsafe ring.ring = base + Int(offsets.desc)
        return unsafe ring
    }
}
