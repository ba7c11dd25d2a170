import Glibc

/// One captured frame.
public struct PcapFrame: Hashable, Sendable {
    /// Place of the interface in the capture's list; 0 in a classic pcap file.
    public var interface: Int
    /// Nanoseconds since 1970-01-01 UTC; nil where the format has no time (simple packet blocks).
    public var time: UInt64?
    /// The frame from its Ethernet header, without frame check sequence, as far as it was captured.
    public var bytes: [UInt8]
    /// Length of the frame on the wire; more than `bytes.count` if the capture cut it.
    public var originalLength: Int
    /// opt_comment of pcapng.
    public var comment: String?
    /// epb_flags of pcapng: bits 0 and 1 are 1 for inbound, 2 for outbound.
    public var flags: UInt32?

    public init(
        interface: Int = 0, time: UInt64?, bytes: [UInt8], originalLength: Int? = nil, comment: String? = nil,
        flags: UInt32? = nil
    ) {
        self.interface = interface
        self.time = time
        self.bytes = bytes
        self.originalLength = originalLength ?? bytes.count
        self.comment = comment
        self.flags = flags
    }

    public var isCut: Bool { bytes.count < originalLength }
}

/// An interface that frames of a capture came from.
public struct PcapInterface: Hashable, Sendable {
    /// if_name of pcapng.
    public var name: String?
    /// Most bytes captured of a frame; 0 for no limit.
    public var snapLength: Int
    /// What its frames begin with, by the list of tcpdump.org; Ethernet if nothing is said.
    public var linkType: UInt16

    public init(name: String? = nil, snapLength: Int = 0, linkType: UInt16 = 1) {
        self.name = name
        self.snapLength = snapLength
        self.linkType = linkType
    }
}

/// What is wrong with a capture, and where.
public struct PcapError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Bytes from the start of the file.
    public var offset: Int
    public var reason: String

    public var description: String { "at byte \(offset): \(reason)" }
}

/// A file that could not be read or written.
public struct PcapFileError: Error, Hashable, Sendable, CustomStringConvertible {
    public var path: String
    public var reason: String

    init(path: String, errno code: Int32) {
        self.path = path
        reason = unsafe String(cString: strerror(code))
    }

    public var description: String { "\(path): \(reason)" }
}

/// Whole captures from and to files.
public enum PcapFile {
    /// All bytes of a file, to be given to `PcapReader`.
    public static func load(_ path: String) throws(PcapFileError) -> [UInt8] {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw PcapFileError(path: path, errno: errno) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = unsafe block.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count == 0 { return bytes }
            if count > 0 {
                bytes += block[..<count]
            } else if errno != EINTR {
                throw PcapFileError(path: path, errno: errno)
            }
        }
    }

    /// Writes a file, replacing what it held.
    public static func save(_ bytes: [UInt8], to path: String) throws(PcapFileError) {
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw PcapFileError(path: path, errno: errno) }
        var failure: Int32 = 0
        var done = 0
        while done < bytes.count, failure == 0 {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress.map { unsafe $0 + done }, $0.count - done)
            }
            if count >= 0 {
                done += count
            } else if errno != EINTR {
                failure = errno
            }
        }
        // A full disk may show itself only here.
        if close(descriptor) != 0, failure == 0 { failure = errno }
        if failure != 0 { throw PcapFileError(path: path, errno: failure) }
    }
}
