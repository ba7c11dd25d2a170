/// Writes classic pcap with nanoseconds, in little-endian order.
///
/// Bytes gather in memory; whoever writes to a file or a pipe takes them out as they come.
public struct PcapWriter {
    public static let defaultSnapLength = 262_144
    public private(set) var bytes: [UInt8] = []
    private let snapLength: Int

    public init(snapLength: Int = PcapWriter.defaultSnapLength) {
        self.snapLength = snapLength
        bytes.append(PcapClassicReader.nanoseconds)
        bytes.append(UInt16(2))
        bytes.append(UInt16(4))
        bytes.append(UInt64(0))
        bytes.append(UInt32(clamping: snapLength))
        bytes.append(UInt32(pcapEthernet))
    }

    /// Appends a frame, cut at the snap length. Comment and flags have no place in this format; a frame without time
    /// gets time 0. Times end in 2106, where 32 bits of seconds do.
    public mutating func append(_ frame: PcapFrame) {
        let part = frame.bytes.prefix(snapLength)
        let time = frame.time ?? 0
        bytes.append(UInt32(truncatingIfNeeded: time / 1_000_000_000))
        bytes.append(UInt32(time % 1_000_000_000))
        bytes.append(UInt32(clamping: part.count))
        bytes.append(UInt32(clamping: max(frame.originalLength, frame.bytes.count)))
        bytes += part
    }

    /// What has gathered since the last call.
    public mutating func takeBytes() -> [UInt8] {
        defer { bytes = [] }
        return bytes
    }
}

/// Writes pcapng with nanoseconds, in little-endian order: one section, with as many interfaces as are added.
public struct PcapngWriter {
    public private(set) var bytes: [UInt8] = []
    private var snapLengths: [Int] = []

    /// - Parameter application: who writes, for shb_userappl.
    public init(application: String? = nil) {
        let start = begin(PcapngReader.Block.section)
        bytes.append(PcapngReader.Block.byteOrder)
        bytes.append(UInt16(1))
        bytes.append(UInt16(0))
        bytes.append(UInt64.max)
        if let application {
            option(4, Array(application.utf8))
            endOptions()
        }
        end(start)
    }

    /// Adds an interface.
    /// - Returns: its place, for `PcapFrame.interface`.
    public mutating func addInterface(_ interface: PcapInterface) -> Int {
        let start = begin(PcapngReader.Block.interface)
        bytes.append(interface.linkType)
        bytes.append(UInt16(0))
        bytes.append(UInt32(clamping: interface.snapLength))
        if let name = interface.name { option(PcapngReader.Option.name, Array(name.utf8)) }
        option(PcapngReader.Option.resolution, [9])
        endOptions()
        end(start)
        snapLengths.append(interface.snapLength)
        return snapLengths.count - 1
    }

    /// Appends a frame as an enhanced packet block, cut at its interface's snap length; one without time gets time 0.
    /// - Precondition: its interface has been added.
    public mutating func append(_ frame: PcapFrame) {
        precondition(snapLengths.indices.contains(frame.interface))
        let limit = snapLengths[frame.interface]
        let part = limit == 0 ? frame.bytes[...] : frame.bytes.prefix(limit)
        let time = frame.time ?? 0
        let start = begin(PcapngReader.Block.enhanced)
        bytes.append(UInt32(frame.interface))
        bytes.append(UInt32(time >> 32))
        bytes.append(UInt32(truncatingIfNeeded: time))
        bytes.append(UInt32(clamping: part.count))
        bytes.append(UInt32(clamping: max(frame.originalLength, frame.bytes.count)))
        bytes += part
        pad()
        if let comment = frame.comment { option(PcapngReader.Option.comment, Array(comment.utf8)) }
        if let flags = frame.flags {
            var value: [UInt8] = []
            value.append(flags)
            option(PcapngReader.Option.flags, value)
        }
        if frame.comment != nil || frame.flags != nil { endOptions() }
        end(start)
    }

    /// What has gathered since the last call.
    public mutating func takeBytes() -> [UInt8] {
        defer { bytes = [] }
        return bytes
    }

    private mutating func begin(_ type: UInt32) -> Int {
        let start = bytes.count
        bytes.append(type)
        bytes.append(UInt32(0))
        return start
    }

    /// Writes the block's length at both of its ends.
    private mutating func end(_ start: Int) {
        let length = UInt32(bytes.count - start + 4)
        for i in 0..<4 { bytes[start + 4 + i] = UInt8(truncatingIfNeeded: length >> UInt32(8 * i)) }
        bytes.append(length)
    }

    /// An option holds at most 65,535 bytes; a longer text is cut.
    private mutating func option(_ code: UInt16, _ value: [UInt8]) {
        let value = value.prefix(Int(UInt16.max))
        bytes.append(code)
        bytes.append(UInt16(value.count))
        bytes += value
        pad()
    }

    private mutating func endOptions() { bytes.append(UInt32(0)) }

    /// Blocks begin at multiples of four from the start of what has gathered, because whole blocks are taken out.
    private mutating func pad() {
        while bytes.count % 4 != 0 { bytes.append(UInt8(0)) }
    }
}

extension [UInt8] {
    fileprivate mutating func append<Number: FixedWidthInteger>(_ number: Number) {
        for i in 0..<Number.bitWidth / 8 { append(UInt8(truncatingIfNeeded: number >> Number(8 * i))) }
    }
}
