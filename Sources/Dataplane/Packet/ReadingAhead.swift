import Net
import Synchronization

/// What a frame's flow seems to be, before anything was checked.
struct FlowGuess {
    /// Of the tuple; 0 if none was to be seen.
    var hash: UInt64 = 0
    /// Empty if the index knows none that fits.
    var reference = FlowIndex.Reference(rawValue: 0)
    var isTCP = false
}

extension Worker {
    /// Reads what the burst's packets will need, one kind after the other for all of them, so that the memory's answers come together
    /// instead of one by one: the frames' first bytes, the buckets of their flows, the flows. Nothing is decided here; a guess that is wrong
    /// costs a read.
    ///
    /// Who waits for memory is kept apart from who computes: the processor looks a few hundred instructions ahead, and the fewer lie between
    /// two reads the more of them are under way at once.
    @inline(__always)
    mutating func touchAhead(_ arrivals: Slab<Arrival>, count: Int) {
        var sum: UInt32 = 0
        for index in 0..<count {
            guesses[index] = FlowGuess()
            let frame = arrivals[index].frame
            guard frame.length >= 38 else { continue }
            let bytes = unsafe memory.bytes(at: frame.address)
            sum &+= UInt32(unsafe bytes.load(fromByteOffset: Offset.etherType, as: UInt8.self))
        }
        if snapshot.rules.tracks {
            for index in 0..<count where arrivals[index].frame.length >= 38 {
                guesses[index] = guess(arrivals[index].frame)
            }
            for index in 0..<count { sum &+= flows.index.touch(guesses[index].hash) }
            var isNew = false
            for index in 0..<count where guesses[index].hash != 0 {
                guesses[index].reference = flows.guess(guesses[index].hash)
                if guesses[index].reference.rawValue == 0 { isNew = true }
            }
            for index in 0..<count { sum &+= flows.touch(guesses[index].reference.flow, isTCP: guesses[index].isTCP) }
            if isNew { sum &+= touchAnswers(arrivals, count: count) }
        }
        touched.store(sum, ordering: .relaxed)
    }

    /// Of packets that begin flows, the buckets that their answers fall into: as they are, and if their source becomes what that of the last
    /// flow became.
    @inline(never)
    private func touchAnswers(_ arrivals: Slab<Arrival>, count: Int) -> UInt32 {
        var sum: UInt32 = 0
        for index in 0..<count where guesses[index].hash != 0 && guesses[index].reference.rawValue == 0 {
            guard var answer = guessTuple(arrivals[index].frame)?.inverted else { continue }
            sum &+= flows.index.touch(flows.index.hash(answer))
            if lastTranslatedSource == .any { continue }
            answer.destination = lastTranslatedSource
            sum &+= flows.index.touch(flows.index.hash(answer))
        }
        return sum
    }

    /// What can be said of the flow of a packet before it is looked at.
    @inline(__always)
    private func guess(_ frame: FrameDescriptor) -> FlowGuess {
        guard let tuple = guessTuple(frame) else { return FlowGuess() }
        return FlowGuess(hash: flows.index.hash(tuple), isTCP: tuple.ipProtocol == .tcp)
    }

    /// The tuple of an untagged IPv4 packet without options that carries TCP or UDP, in no zone; nil for any other.
    @inline(__always)
    private func guessTuple(_ frame: FrameDescriptor) -> FlowTuple? {
        let ip = unsafe memory.bytes(at: frame.address) + Offset.ethernetHeader
        let ipProtocol = IPProtocol(rawValue: unsafe ip.load(fromByteOffset: Offset.ipProtocol, as: UInt8.self))
        guard unsafe ip.load(as: UInt8.self) == 0x45, ipProtocol == .tcp || ipProtocol == .udp else { return nil }
        func word(_ offset: Int) -> UInt32 {
            UInt32(bigEndian: unsafe ip.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        }
        let ports = word(Offset.ipHeader)
        return FlowTuple(
            source: IPv4Address(rawValue: word(Offset.ipSource)),
            destination: IPv4Address(rawValue: word(Offset.ipDestination)), ipProtocol: ipProtocol,
            sourcePort: UInt16(truncatingIfNeeded: ports >> 16), destinationPort: UInt16(truncatingIfNeeded: ports))
    }
}
