// Writes the counts of a run of jest to the file that TEST_RESULTS names. jest's own --json fails on failures that hold circular objects.
import { writeFileSync } from 'node:fs';
import process from 'node:process';

export default class {
  onRunComplete(_, { numPassedTests, numFailedTests, numPendingTests, numTodoTests, numRuntimeErrorTestSuites, testResults }) {
    // A file that could not be run counts as one failed test.
    const counts = { passed: numPassedTests, failed: numFailedTests + numRuntimeErrorTestSuites, skipped: numPendingTests + numTodoTests };
    const failedFiles = testResults
      .filter(({ numFailingTests, testExecError }) => numFailingTests > 0 || testExecError != null)
      .map(({ testFilePath, numPassingTests, numPendingTests: numSkipped, numTodoTests: numTodo }) => ({ path: testFilePath, passed: numPassingTests, skipped: numSkipped + numTodo }));
    writeFileSync(process.env.TEST_RESULTS, JSON.stringify({ ...counts, failedFiles }));
  }
}
