import Glibc

extension LogConfiguration {
    /// The sink that the configuration asks for.
    func makeSink() -> any LogSink {
        switch to {
        case .auto: unsafe access("/dev/log", F_OK) == 0 ? SyslogSink() : StandardErrorSink()
        case .syslog: SyslogSink()
        case .journal: JournalSink()
        case .standardError: StandardErrorSink()
        case .file(let path): FileSink(path: path, host: Self.hostName)
        }
    }

    private static var hostName: String {
        var name = [CChar](repeating: 0, count: 256)
        guard unsafe gethostname(&name, name.count - 1) == 0 else { return "localhost" }
        return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
