import Glibc
import Net
import Testing

@testable import Dataplane

@Suite("Memory of the flow table, ready before flows come", .serialized)
struct FlowPopulationTests {
    /// Whether an element's page is there; asking does not touch it.
    private static func isResident<Element>(_ slab: Slab<Element>, _ index: Int) -> Bool where Element: ~Copyable {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let address = unsafe (Int(bitPattern: slab.base) + index * MemoryLayout<Element>.stride) / page * page
        var found: UInt8 = 0
        let result = unsafe mincore(UnsafeMutableRawPointer(bitPattern: address), page, &found)
        return result == 0 && found & 1 == 1
    }

    /// Lets it do all that there is to do, and says in how many steps.
    private static func settle(_ population: inout FlowPopulation) -> Int {
        var steps = 0
        while population.advance(), steps < 1000 { steps += 1 }
        return steps
    }

    /// Far enough from the next place asked about that no page of 2 MB holds both.
    private static let ahead = 40_000

    /// Memory for so many flows beside the index.
    private static func bytes(_ flows: Int, _ table: FlowTable) -> Int {
        table.index.bucketCount * 64 + flows * (MemoryLayout<Flow>.stride + 64)
    }

    @Test("entries and overflow buckets are there as far ahead as was asked, and follow the flows; the rest stays untouched")
    func follows() {
        let owners = FlowTableTests.Owners(flows: 400_000)
        let (flows, buckets) = (owners.table.flows, owners.table.index.buckets)
        let overflow = owners.table.index.bucketCount
        #expect(!Self.isResident(flows, 0) && !Self.isResident(buckets, 0), "nothing is there at first, or this test sees nothing")
        var population = FlowPopulation(owners.table, bytes: Self.bytes(Self.ahead, owners.table))
        #expect(Self.settle(&population) > 0)
        #expect(Self.isResident(flows, 0) && Self.isResident(flows, Self.ahead - 64))
        #expect(!Self.isResident(flows, 2 * Self.ahead))
        #expect(Self.isResident(buckets, 0) && Self.isResident(buckets, overflow / 2) && Self.isResident(buckets, overflow + Self.ahead - 64))
        #expect(!Self.isResident(buckets, overflow + 2 * Self.ahead))
        #expect(Self.settle(&population) == 0 && !population.isComplete)

        for number in 0..<Self.ahead { #expect(owners.add(number, until: .seconds(100), now: .seconds(1)) != 0) }
        #expect(owners.table.mostTaken >= Self.ahead && owners.table.mostTaken < Self.ahead + 128)
        #expect(Self.settle(&population) > 0)
        #expect(Self.isResident(flows, 2 * Self.ahead - 64))
        #expect(!Self.isResident(flows, 3 * Self.ahead))
    }

    @Test("to the end of the table and no further, whatever was asked", arguments: [1, 100_000])
    func end(maximum: Int) {
        let table = FlowTable(maximum: maximum, workerCount: 1, key: 1)
        var population = FlowPopulation(table, bytes: 1 << 40)
        #expect(Self.settle(&population) < 100 && population.isComplete)
        #expect(Self.isResident(table.flows, table.flows.count - 1))
        #expect(Self.isResident(table.index.buckets, table.index.totalBucketCount - 1))
    }

    @Test("the reserve stays within the memory it may take: without the index if that is most of it, and none at all if there is none")
    func reserve() {
        // The kernel's usual table, on a machine of 24 GB.
        let usual = FlowPopulation.Reserve(bytes: 3 << 30, buckets: 262_144 * 2 / 7)
        #expect(usual.hasIndex && usual.flows > 262_144)
        for (bytes, buckets) in [(1 << 30, 1 << 20), (1 << 30, 1 << 28), (64 << 20, 1 << 18), (1 << 20, 16), (0, 16)] {
            let reserve = FlowPopulation.Reserve(bytes: bytes, buckets: buckets)
            let taken = (reserve.hasIndex ? buckets * 64 : 0) + reserve.flows * (192 + 64)
            #expect(taken <= bytes && taken > bytes - 256)
            #expect(reserve.hasIndex == (buckets * 64 <= bytes / 2))
        }
    }
}
