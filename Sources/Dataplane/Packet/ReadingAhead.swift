import Net

extension Worker {
    /// Reads what the burst's packets will need, one kind after the other for all of them, so that the memory's answers come together
    /// instead of one by one: the frames' first bytes, the buckets of their flows, the flows. Nothing is decided here; a guess that is wrong
    /// costs a read.
    @inline(__always)
    mutating func touchAhead(_ arrivals: Slab<Arrival>, count: Int) {
        var sum: UInt64 = 0
        for index in 0..<count {
            let frame = arrivals[index].frame
            hashesAhead[index] = 0
            guard frame.length >= 38 else { continue }
            let bytes = unsafe memory.bytes(at: frame.address)
            sum &+= UInt64(unsafe bytes.load(fromByteOffset: Offset.etherType, as: UInt8.self))
        }
        if snapshot.rules.tracks {
            for index in 0..<count where arrivals[index].frame.length >= 38 {
                hashesAhead[index] = guessHash(arrivals[index].frame)
                flows.index.prefetch(hashesAhead[index])
            }
            for index in 0..<count where hashesAhead[index] != 0 {
                sum &+= flows.touch(hashesAhead[index])
            }
        }
        touched = sum
    }

    /// The hash of a packet's tuple if it is an untagged IPv4 one without options that carries TCP or UDP; else 0.
    @inline(__always)
    private func guessHash(_ frame: FrameDescriptor) -> UInt64 {
        let ip = unsafe memory.bytes(at: frame.address) + Offset.ethernetHeader
        let ipProtocol = IPProtocol(rawValue: unsafe ip.load(fromByteOffset: Offset.ipProtocol, as: UInt8.self))
        guard unsafe ip.load(as: UInt8.self) == 0x45, ipProtocol == .tcp || ipProtocol == .udp else { return 0 }
        func word(_ offset: Int) -> UInt32 {
            UInt32(bigEndian: unsafe ip.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        }
        let ports = word(Offset.ipHeader)
        return flows.index.hash(
            FlowTuple(
                source: IPv4Address(rawValue: word(Offset.ipSource)),
                destination: IPv4Address(rawValue: word(Offset.ipDestination)), ipProtocol: ipProtocol,
                sourcePort: UInt16(truncatingIfNeeded: ports >> 16), destinationPort: UInt16(truncatingIfNeeded: ports)))
    }
}
