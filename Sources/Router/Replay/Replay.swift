import Control
import Dataplane
import Glibc
import Net
import PacketIO
import Rules

/// Puts captures through the data plane and writes what it sends: the router of a configuration, with the captures' times for its
/// clock. Needs no privileges, and gives the same every time.
public enum Replay {
    /// A capture and the port it comes in on.
    public struct Input: Sendable {
        public var port: String
        public var file: String

        public init(port: String, file: String) {
            self.port = port
            self.file = file
        }
    }

    /// How long after the last frame packets may still wait, in nanoseconds: longer than neighbours and fragments do.
    private static let patience: UInt64 = 60_000_000_000

    /// - Parameters:
    ///   - folder: where each port's frames are written to, as PORT.pcapng, and those for the host, as host.pcapng; if rules log, the
    ///     lines as `log`, and what they copy as nflog.pcapng. It is made if it is not there.
    /// - Returns: the books at the end.
    /// - Throws: what is wrong with configuration, rules, captures or folder.
    public static func run(configurationPath: String, inputs: [Input], folder: String) throws(Failure) -> Stats {
        let configuration: Configuration
        do throws(ConfigurationError) {
            configuration = try Configuration.load(configurationPath)
        } catch {
            throw Failure("", diagnostics: error.diagnostics)
        }
        let sets = try RulesText.loadSets(configuration.rules)
        let (ruleset, source) = try RulesText.load(configuration.rules)
        let names = configuration.ports.map(\.name)
        let ports = try inputs.map { (input) throws(Failure) in
            guard let index = names.firstIndex(of: input.port) else {
                throw Failure("the configuration has no port \"\(input.port)\"; it has \(names.joined(separator: ", "))")
            }
            return PortIndex(rawValue: UInt8(index))
        }
        var captures = try CaptureMerge(inputs.map(\.file))
        var next = try captures.next()
        let router: OfflineRouter
        do throws(Failure) {
            router = try OfflineRouter(
                configuration, ruleset: ruleset, source: source, sets: sets, longestFrame: OfflineRouter.longestFrame,
                // Before the first frame, and not zero even if the captures know no time.
                start: Instant(nanoseconds: max(next?.time ?? 0, 1)))
        } catch {
            throw Failure(error.message.isEmpty ? "" : "\(configurationPath): \(error.message)", diagnostics: error.diagnostics)
        }
        var outputs = try CaptureFolder(folder, ports: names)
        let reports = outputs.makeReports(router)
        var received = 0
        while let item = next {
            received += 1
            guard router.receive(item.frame.bytes, on: ports[item.source], at: Instant(nanoseconds: item.time)) else {
                throw Failure("frame \(received) finds no room in memory")
            }
            outputs.append(router.takeDepartures())
            for report in router.takeReports() { reports.write(report, time: report.header.time.nanoseconds) }
            next = try captures.next()
        }
        router.settle(until: router.now + patience)
        outputs.append(router.takeDepartures())
        for report in router.takeReports() { reports.write(report, time: report.header.time.nanoseconds) }
        reports.flush()
        guard reports.lost == 0 else { throw Failure("\(folder): \(reports.lost) log lines or copies could not be written") }
        try outputs.write()
        return router.books()
    }
}

/// The captures that a replay writes, one a port and one for the host.
private struct CaptureFolder {
    private let folder: String
    private var writers: [PortIndex: (name: String, writer: PcapngWriter)] = [:]

    init(_ folder: String, ports: [String]) throws(Failure) {
        self.folder = folder
        for name in ["host", "nflog"] where ports.contains(name) {
            throw Failure("a port named \"\(name)\" cannot be replayed: its capture would have the name of the router's own")
        }
        if unsafe mkdir(folder, 0o777) != 0, errno != EEXIST {
            throw Failure("\(folder): \(systemErrorText(errno))")
        }
        for (index, name) in ports.enumerated() { begin(PortIndex(rawValue: UInt8(index)), name) }
        begin(.host, "host")
    }

    /// Log and copies, in place of those of an earlier run. The host is called after what it is, so that every machine gives the same.
    func makeReports(_ router: OfflineRouter) -> ReportWriter {
        let log = "\(folder)/log"
        let copies = "\(folder)/nflog.pcapng"
        unsafe unlink(log)
        unsafe unlink(copies)
        return router.makeReportWriter(
            log: FileSink(path: log, host: "replay", isUniversal: true), copies: NFLogFiles(path: copies))
    }

    private mutating func begin(_ port: PortIndex, _ name: String) {
        var writer = PcapngWriter(application: "martlet \(Version.current)")
        _ = writer.addInterface(PcapInterface(name: name))
        writers[port] = (name, writer)
    }

    mutating func append(_ departures: [OfflineRouter.Departure]) {
        for departure in departures {
            // epb_flags 2: outbound.
            writers[departure.port]?.writer.append(
                PcapFrame(time: departure.time.nanoseconds, bytes: departure.bytes, flags: 2))
        }
    }

    func write() throws(Failure) {
        for (name, writer) in writers.values {
            do throws(PcapFileError) {
                try PcapFile.save(writer.bytes, to: "\(folder)/\(name).pcapng")
            } catch {
                throw Failure("\(error)")
            }
        }
    }
}
