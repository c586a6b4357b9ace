import type { Column } from '#tools/adopt/table-facts'

/** How the columns of an old table are recognised that fill one column of `tasks`. */
export interface Recognition {
  /** Lists of names, without capitals and underscores. The first list that fits a column counts. */
  readonly names: readonly (readonly string[])[]
  /** Whether the values of a column of this type can be read. */
  readonly fits: (column: Column) => boolean
  /** The types that fit, in words. */
  readonly types: string
  /** Whether all columns of the first list that fits are read, and not one. */
  readonly takesAll?: true
  /** Columns that may say it as well as one of the last list, whatever their type. */
  readonly rivals?: readonly string[]
}

export const isText = ({ category }: Column) => category === 'S' || category === 'E'
export const isNumber = ({ category }: Column) => category === 'N'
export const isInstant = ({ type }: Column) => /^(timestamp|date\b)/.test(type)
const isKey = ({ type, category }: Column) =>
  category === 'S' || type === 'uuid' || /^(small|big)?int(eger)?$/.test(type)
const isFlag = (column: Column) =>
  column.type === 'boolean' || isNumber(column) || isInstant(column)
const isTime = (column: Column) => isInstant(column) || column.category === 'S'

const keys = { fits: isKey, types: 'whole numbers, text and uuid' }
const texts = { fits: isText, types: 'text' }
const flags = { fits: isFlag, types: 'booleans, numbers and timestamps', takesAll: true } as const
const times = { fits: isTime, types: 'timestamps, dates, and dates as text' }

/**
 * The columns of `tasks`, and `deleted`, which it does not have: rows with it need a decision. The
 * order is the one in which old columns are given out.
 */
export const recognitions = {
  id: { ...keys, names: [['id']] },
  user_id: {
    ...keys,
    names: [
      ['userid'],
      `ownerid authorid creatorid createdbyid createdby usercreated accountid memberid profileid
       owner author creator useruuid uid user`.split(/\s+/),
    ],
  },
  title: {
    ...texts,
    names: [
      ['title'],
      `name task text content todo summary subject label item tasktitle taskname tasktext todotitle
       todoname todotext heading headline actionitem`.split(/\s+/),
      ['description'],
    ],
  },
  completed: {
    ...flags,
    rivals: ['status', 'state'],
    names: [
      ['completed', 'iscompleted'],
      `done isdone doneflag complete iscomplete finished isfinished checked ischecked`.split(/\s+/),
      `completedat doneat finishedat completedon datecompleted`.split(/\s+/),
    ],
  },
  created_at: {
    ...times,
    names: [
      ['createdat'],
      `created createat createdon createddate createdtime createtime creationdate creationtime
       datecreated dateadded insertedat addedat addedon added dateposted`.split(/\s+/),
    ],
  },
  updated_at: {
    ...times,
    names: [
      ['updatedat'],
      `updated updateat updatedon updateddate updatetime dateupdated modified modifiedat modifiedon
       datemodified lastmodified lastmodifiedat lastmodifieddate lastupdated changedat editedat`.split(
        /\s+/,
      ),
    ],
  },
  deleted: {
    ...flags,
    names: [
      `deleted isdeleted deletedat deletedon datedeleted discardedat trashed istrashed trashedat
       removedat`.split(/\s+/),
    ],
  },
  description: {
    ...texts,
    names: [
      ['description'],
      `desc details detail notes note body content text memo taskdescription tododescription
       comment`.split(/\s+/),
    ],
  },
} as const satisfies Record<string, Recognition>

export type Target = keyof typeof recognitions
export const targets = Object.keys(recognitions) as Target[]

/** A name in the form of the lists: `userId` and `user_id` are `userid`. */
export const plainName = (name: string) => name.toLowerCase().replace(/[^a-z0-9]/g, '')
