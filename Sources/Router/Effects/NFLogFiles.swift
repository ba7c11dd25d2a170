import Control
import Dataplane
import Glibc
import Net
import PacketIO

/// Captures of what NFLOG and ULOG copy: one file, or a folder with one a group.
final class NFLogFiles {
    /// A capture that grows. Each time it is opened a new section of pcapng begins, so that it may go on where another run ended.
    private final class Capture {
        private static let interface = PcapInterface(name: "nflog", linkType: NFLogMessage.linkType)

        private var file: AppendedFile
        private var writer = PcapngWriter()
        private var waiting = 0

        init(path: String) {
            file = AppendedFile(path: path)
            // What begins a section is written when the file is opened.
            _ = writer.addInterface(Self.interface)
            _ = writer.takeBytes()
        }

        func append(_ bytes: [UInt8], time: UInt64) {
            writer.append(PcapFrame(time: time, bytes: bytes))
            waiting += 1
        }

        /// - Returns: how many copies were lost.
        func flush() -> Int {
            guard waiting > 0 else { return 0 }
            defer { waiting = 0 }
            let blocks = writer.takeBytes()
            if file.isClosed {
                var begin = PcapngWriter(application: "martlet \(Version.current)")
                _ = begin.addInterface(Self.interface)
                guard file.append(begin.takeBytes()) else {
                    file.reopen()
                    return waiting
                }
            }
            return file.append(blocks) ? 0 : waiting
        }

        func reopen() { file.reopen() }
    }

    private let path: String
    private let isFolder: Bool
    /// By group; all under 0 if there is one file for all.
    private var captures: [UInt16: Capture] = [:]

    /// - Parameter path: a file, or a folder: one that is there, or a name that ends in `/`.
    init(path: String) {
        var status = stat()
        let isThere = unsafe stat(path, &status) == 0
        isFolder = path.hasSuffix("/") || isThere && status.st_mode & S_IFMT == S_IFDIR
        self.path = path
        if isFolder { unsafe mkdir(path, 0o750) }
    }

    /// - Parameter bytes: an `NFLogMessage`.
    func write(_ bytes: [UInt8], group: UInt16, time: UInt64) {
        capture(isFolder ? group : 0).append(bytes, time: time)
    }

    /// Writes what has come.
    ///
    /// - Returns: how many copies were lost.
    func flush() -> Int { captures.values.reduce(0) { $0 + $1.flush() } }

    /// Begins new files, if the old ones were moved away.
    func reopen() { for capture in captures.values { capture.reopen() } }

    private func capture(_ group: UInt16) -> Capture {
        if let capture = captures[group] { return capture }
        let separator = path.hasSuffix("/") ? "" : "/"
        let capture = Capture(path: isFolder ? "\(path)\(separator)nflog-\(group).pcapng" : path)
        captures[group] = capture
        return capture
    }
}
