import Net

/// Finds, in a long chain, the next rule whose addresses, ports, protocol and interfaces a packet has, without asking the
/// rules one by one.
///
/// The row of rules is cut into chunks of 8,192. For each of seven dimensions a chunk knows into which classes the values of that dimension
/// fall, and for each class the set of rules that such a value satisfies, as bits (the bit vectors of Lakshman and Stiliadis, "High-Speed
/// Policy-based Packet Forwarding", 1998). The rules that a packet may match are the intersection of seven sets, visited in order.
///
/// A set is sixteen blocks of 512 bits, a cache line each. Most blocks are alike, so a class does not hold blocks but sixteen
/// numbers of blocks: one more cache line. Block 0 is the empty one, so that an intersection passes over
/// sixteen blocks of rules by looking at sixteen numbers.
///
/// What is found is asked in full afterwards: the index may name a rule that does not match, but never passes over one that does, nor
/// over one whose matches would have an effect or drop the packet (`Conditions` says what it relies on).
@safe struct RuleIndex: Sendable {
    typealias Block = SIMD8<UInt64>
    /// Numbers of blocks.
    typealias Line = InlineArray<16, UInt32>

    static let blockBits = 512
    static let blocksPerChunk = 16
    static let chunkRules = blockBits * blocksPerChunk
    /// Segments shorter than this are quicker asked one by one.
    static let shortestSegment = 32

    enum Dimension: Int, CaseIterable {
        case source, destination, sourcePort, destinationPort, ipProtocol, ingress, egress

        /// Values that are looked up in a table of all values rather than searched for.
        var tableSize: Int? {
            switch self {
            case .source, .destination: nil
            case .sourcePort, .destinationPort: 1 << 16
            case .ipProtocol: 1 << 8
            case .ingress, .egress: 64
            }
        }

        /// The largest value.
        var last: UInt32 { tableSize.map { UInt32($0 - 1) } ?? .max }
    }

    /// Where a chunk's part of one dimension lies. No rule of the chunk asks for the dimension if there is no class.
    struct Part {
        /// First of its values in `starts`, or of its table in `classes`.
        var firstValue: UInt32 = 0
        var classCount: UInt32 = 0
        var firstLine: UInt32 = 0
    }

    /// Seven for each chunk.
    let parts: Slab<Part>
    /// Where each class of addresses begins, ascending; the first begins at 0.
    let starts: Slab<UInt32>
    /// The class of each port, protocol or interface.
    let classes: Slab<UInt16>
    let lines: Slab<Line>
    let blocks: Slab<Block>

    func deallocate() {
        parts.deallocate()
        starts.deallocate()
        classes.deallocate()
        lines.deallocate()
        blocks.deallocate()
    }

    /// Bytes of all tables.
    var size: Int {
        parts.count * MemoryLayout<Part>.stride + starts.count * 4 + classes.count * 2
            + lines.count * MemoryLayout<Line>.stride + blocks.count * MemoryLayout<Block>.stride
    }
}

// MARK: - Looking up

extension RuleIndex {
    /// A packet's place in the index during one walk.
    struct Cursor {
        /// The chunk that `lines` are of; -1 before the first.
        var chunk = -1
        /// The lines of the dimensions that the chunk asks for.
        var lines = InlineArray<7, UInt32>(repeating: 0)
        var lineCount = 0
        /// The block that `candidates` are of, within the chunk; -1 for none.
        var block = -1
        var candidates = Block()
    }

    /// The first rule at or behind `rule` that the packet may match; the first rule of the next chunk if there is none in
    /// this one.
    @inline(__always)
    func next(from rule: UInt32, _ packet: Packet, ingress: UInt32, egress: UInt32, _ cursor: inout Cursor) -> UInt32 {
        let chunk = Int(rule) / Self.chunkRules
        if cursor.chunk != chunk { enter(chunk, packet, ingress, egress, &cursor) }
        var block = Int(rule) % Self.chunkRules / Self.blockBits
        if cursor.block != block { load(block, &cursor) }
        var word = Int(rule) % Self.blockBits / 64
        var bits = cursor.candidates[word] & (~0 << UInt64(rule % 64))
        while true {
            if bits != 0 {
                return UInt32(
                    truncatingIfNeeded: chunk &* Self.chunkRules &+ block &* Self.blockBits &+ word &* 64
                        &+ bits.trailingZeroBitCount)
            }
            word &+= 1
            if word == 8 {
                word = 0
                repeat {
                    block &+= 1
                    if block == Self.blocksPerChunk { return UInt32(truncatingIfNeeded: (chunk &+ 1) &* Self.chunkRules) }
                } while !load(block, &cursor)
            }
            bits = cursor.candidates[word]
        }
    }

    /// - Returns: false if the block surely has no candidate.
    @inline(__always) @discardableResult
    private func load(_ block: Int, _ cursor: inout Cursor) -> Bool {
        var candidates = Block(repeating: ~0)
        cursor.block = block
        for place in 0..<cursor.lineCount {
            let number = lines[cursor.lines[place]][block]
            if number == 0 {
                cursor.candidates = Block()
                return false
            }
            candidates &= blocks[number]
        }
        cursor.candidates = candidates
        return true
    }

    /// Finds the packet's classes in a chunk.
    @inline(never)
    private func enter(_ chunk: Int, _ packet: Packet, _ ingress: UInt32, _ egress: UInt32, _ cursor: inout Cursor) {
        cursor.chunk = chunk
        cursor.block = -1
        cursor.lineCount = 0
        let first = chunk &* 7
        search(first &+ Dimension.source.rawValue, packet.source.rawValue, &cursor)
        search(first &+ Dimension.destination.rawValue, packet.destination.rawValue, &cursor)
        // A header that is cut off has no ports, and the first rule that asks for them ends the packet.
        if packet.hasTransport {
            look(first &+ Dimension.sourcePort.rawValue, UInt32(packet.sourcePort), &cursor)
            look(first &+ Dimension.destinationPort.rawValue, UInt32(packet.destinationPort), &cursor)
        }
        look(first &+ Dimension.ipProtocol.rawValue, UInt32(packet.ipProtocol.rawValue), &cursor)
        look(first &+ Dimension.ingress.rawValue, ingress, &cursor)
        look(first &+ Dimension.egress.rawValue, egress, &cursor)
    }

    @inline(__always)
    private func look(_ number: Int, _ value: UInt32, _ cursor: inout Cursor) {
        let part = parts[number]
        guard part.classCount > 0 else { return }
        take(part.firstLine &+ UInt32(classes[part.firstValue &+ value]), &cursor)
    }

    /// The last class that begins at or before the value.
    @inline(__always)
    private func search(_ number: Int, _ value: UInt32, _ cursor: inout Cursor) {
        let part = parts[number]
        guard part.classCount > 0 else { return }
        var base = part.firstValue
        var count = part.classCount
        while count > 1 {
            let half = count / 2
            base = starts[base &+ half] <= value ? base &+ half : base
            count &-= half
        }
        take(part.firstLine &+ (base &- part.firstValue), &cursor)
    }

    @inline(__always)
    private func take(_ line: UInt32, _ cursor: inout Cursor) {
        cursor.lines[cursor.lineCount] = line
        cursor.lineCount &+= 1
    }
}
